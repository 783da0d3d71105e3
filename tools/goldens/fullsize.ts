/**
 * What `test/goldens/fullsize.json` says: components of real size by formula, and the cases that
 * PyTorch ran on them. `openFullsize` gives both in a form that a test can use at once.
 */

import { elementCount, type StorageDtype } from '../../src/tensor/dtype.ts';
import type { Checkpoint } from '../../src/weights/checkpoint.ts';
import { generatedArray, generatedCheckpoint, type GeneratedTensors } from './formula.ts';
import { openGolden, type GoldenFile, type GoldenTensor, type ReadGolden } from './golden-file.ts';

/** One network: its `config.json` and the formula of every tensor, under diffusers' names. */
export type FullsizeComponent = {
  readonly config: Record<string, unknown>;
  readonly tensors: GeneratedTensors;
};

/** An input as the file gives it: a number, a list, or an array by formula. */
export type FullsizeInput =
  | number
  | readonly number[]
  | { readonly values: readonly number[] }
  | { readonly generated: string; readonly shape: readonly number[]; readonly e: number };

/** One run: a component, its inputs, and the names of the arrays it gave. */
export type FullsizeCase = {
  readonly name: string;
  readonly component: string;
  readonly inputs: Readonly<Record<string, FullsizeInput>>;
  readonly outputs: readonly string[];
  /** Which part of an image the output array holds: top, bottom, left, right. */
  readonly crop?: readonly [top: number, bottom: number, left: number, right: number];
};

/** The JSON of the file, beside its arrays. */
export type FullsizeJson = {
  readonly seed: string;
  readonly components: Readonly<Record<string, FullsizeComponent>>;
  readonly cases: readonly FullsizeCase[];
};

/** The file, open. */
export type Fullsize = {
  readonly golden: GoldenFile<FullsizeJson>;
  /** The case called `name`; its outputs are arrays of `golden`. */
  readonly find: (name: string) => FullsizeCase;
  /** The config of component `name`. */
  readonly config: (name: string) => Record<string, unknown>;
  /** The weights of component `name`, computed as they are read; `float16` when not told otherwise. */
  readonly checkpoint: (name: string, dtype?: StorageDtype) => Promise<Checkpoint>;
};

/** The numbers of an input; a single number has the shape `[1]`. */
export function inputTensor(input: FullsizeInput): GoldenTensor {
  if (typeof input === 'number') return { shape: [1], data: Float32Array.of(input) };
  if ('generated' in input) {
    const { generated, shape, e } = input;
    return { shape: [...shape], data: generatedArray(generated, elementCount(shape), e) };
  }
  const values = 'length' in input ? input : input.values; // a list has a method `values`
  return { shape: [1, values.length], data: Float32Array.from(values) };
}

/** Opens `fullsize.json` and its arrays. */
export async function openFullsize(read: ReadGolden): Promise<Fullsize> {
  const golden = await openGolden<FullsizeJson>(read, 'fullsize');
  const { seed, components, cases } = golden.json;
  const component = (name: string) => {
    const found = components[name];
    if (!found) throw new Error(`fullsize.json has no component "${name}"`);
    return found;
  };
  return {
    golden,
    find: (name) => {
      const found = cases.find((each) => each.name === name);
      if (!found) throw new Error(`fullsize.json has no case "${name}"`);
      return found;
    },
    config: (name) => component(name).config,
    checkpoint: (name, dtype = 'float16') =>
      generatedCheckpoint(seed, name, component(name).tensors, { dtype }),
  };
}
