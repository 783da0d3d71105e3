/**
 * What the cases of several golden files share.
 */

import type { Runtime } from '../../src/runtime/runtime.ts';
import { hostTensor, type HostTensor } from '../../src/tensor/host-tensor.ts';
import type { GoldenFile } from '../goldens/golden-file.ts';

/** A float array of a golden file as a tensor. */
export function goldenTensor(golden: Pick<GoldenFile, 'float32'>, name: string): HostTensor {
  const { shape, data } = golden.float32(name);
  return hostTensor(data, shape);
}

/** Computes once for each runtime what several cases look at. */
export function remembered<T>(
  compute: (runtime: Runtime) => Promise<T>,
): (runtime: Runtime) => Promise<T> {
  const results = new WeakMap<Runtime, Promise<T>>();
  return (runtime) => {
    const known = results.get(runtime) ?? compute(runtime);
    results.set(runtime, known);
    return known;
  };
}
