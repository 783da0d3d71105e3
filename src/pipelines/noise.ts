/**
 * A picture's random numbers, as a request chooses them.
 */

import { EngineError } from '../errors.ts';
import { batchedNoise, type NoiseSource } from '../rng/noise-source.ts';
import { NvGenerator } from '../rng/nv-generator.ts';
import { TorchGenerator } from '../rng/torch-generator.ts';
import { variedNoise } from '../rng/variation.ts';
import { latentCount, type LatentDims } from '../runtime/latents/latents.ts';
import type { FloatDtype } from '../tensor/dtype.ts';

/**
 * One seed draws the whole batch in one go, as diffusers does; a list, one for each picture, gives every picture the noise
 * it would get alone.
 */
export type Seeds = number | readonly number[];

/** Where random numbers come from. */
export type NoiseOptions = {
  /** PyTorch's generator for CPUs, or that for NVIDIA GPUs as A1111 imitates it ("NV"). Default `cpu`. */
  readonly generator?: 'cpu' | 'nv';
  /** What the CPU's generator draws in: float16 as a pipeline in fp16 does. Default float32, which NV's always is. */
  readonly dtype?: FloatDtype;
  /** Other noise, of its own seeds, to go a part of the way to: A1111's variation seed. Default none. */
  readonly variation?: { readonly seed: Seeds; readonly strength: number };
};

/** The random numbers of a run. */
export type RunNoise = {
  /** Whatever is drawn beside the first sample's noise, in the order of diffusers' pipelines. */
  readonly source: NoiseSource;
  /** Draws the first sample's noise. To be called once. */
  readonly first: (dims: LatentDims) => Float32Array<ArrayBuffer>;
};

/** Generators for `samples` pictures; refuses seeds and strengths that are none with EngineError `invalid-argument`. */
export function runNoise(
  seed: Seeds,
  samples: number,
  { generator = 'cpu', dtype = 'float32', variation }: NoiseOptions = {},
): RunNoise {
  const open = (each: number): NoiseSource =>
    generator === 'nv' ? new NvGenerator(each) : new TorchGenerator(each, dtype);
  const openAll = (field: string, seeds: Seeds): NoiseSource => {
    if (typeof seeds === 'number') return open(seeds);
    if (seeds.length === samples) return batchedNoise(seeds.map(open));
    const message = `${field} must be one number or ${samples}, got ${seeds.length}`;
    throw new EngineError('invalid-argument', message, { detail: { field } });
  };
  const source = openAll('seed', seed);
  if (variation === undefined) return { source, first: (dims) => source.normal(latentCount(dims)) };

  const { strength } = variation;
  if (!(strength >= 0 && strength <= 1)) {
    const message = `variation.strength must be from 0 to 1, got ${strength}`;
    throw new EngineError('invalid-argument', message, { detail: { field: 'variation.strength' } });
  }
  const other = openAll('variation.seed', variation.seed);
  return {
    source,
    first: (dims) => {
      const count = latentCount(dims);
      return variedBatch(source.normal(count), other.normal(count), { dims, strength });
    },
  };
}

function variedBatch(
  from: Float32Array,
  to: Float32Array,
  { dims, strength }: { dims: LatentDims; strength: number },
): Float32Array<ArrayBuffer> {
  const [samples, , height, width] = dims;
  const each = from.length / samples;
  const result = new Float32Array(from.length);
  for (let at = 0; at < from.length; at += each) {
    const part = (noise: Float32Array) => noise.subarray(at, at + each);
    const varied = variedNoise({ from: part(from), to: part(to), strength }, { height, width });
    result.set(varied, at);
  }
  return result;
}
