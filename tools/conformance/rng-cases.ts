/**
 * The cases of `rng.json`: what torch's CPU generator draws.
 */

import { TorchGenerator } from '../../src/rng/torch-generator.ts';
import { hostTensor } from '../../src/tensor/host-tensor.ts';
import { elementCount } from '../../src/tensor/dtype.ts';
import { openGolden } from '../goldens/golden-file.ts';
import type { ConformanceCase } from './case.ts';
import type { GoldenFolder } from './folder.ts';

/** torch's vectorised logarithm, sine and cosine are good to this; its uniforms are exact. */
const NORMAL_TOLERANCE = 2e-6;

/** All cases of the file. `SEED/SHAPE` is a generator's first draw; `SEED/sequence/K`, and `SEED/then16`, `then16b`, `rand`, are draws in a row. */
export async function rngCases(folder: GoldenFolder): Promise<ConformanceCase[]> {
  const rng = await openGolden(folder.read, 'rng');
  return rng.names.map((name) => {
    const [seed = '', what = '', index = '0'] = name.split('/');
    const { shape, data } = rng.float32(name);
    const count = elementCount(shape);
    const length = (other: string): number => elementCount(rng.float32(`${seed}/${other}`).shape);
    const draws: Record<string, (generator: TorchGenerator) => Float32Array<ArrayBuffer>> = {
      sequence: (generator) => {
        for (let i = 0; i < Number(index); i++) generator.normal(count);
        return generator.normal(count);
      },
      then16: (generator) => generator.normal(count),
      then16b: (generator) => {
        generator.normal(length('then16'));
        return generator.normal(count);
      },
      rand: (generator) => {
        for (const other of ['then16', 'then16b']) generator.normal(length(other));
        return generator.uniform(count);
      },
      [shape.join('x')]: (generator) => generator.normal(count),
    };
    return {
      name: `rng/${name}`,
      tolerance: what === 'rand' ? undefined : NORMAL_TOLERANCE,
      run: () => {
        const draw = Object.hasOwn(draws, what) ? draws[what] : undefined;
        if (draw === undefined) return Promise.reject(new Error('unknown case'));
        const computed = hostTensor(draw(new TorchGenerator(BigInt(seed))), shape);
        return Promise.resolve([{ computed, expected: hostTensor(data, shape) }]);
      },
    };
  });
}
