/**
 * CUDA's random numbers as A1111's noise source "NV" imitates them on any device: PyTorch's `randn` on an NVIDIA GPU.
 *
 * A number depends on nothing but the seed, how many draws were before, and its place in the draw.
 */

import type { NoiseSource } from './noise-source.ts';
import { philox } from './philox.ts';
import { checkedSeed, type Seed } from './seed.ts';

const TWO_PI_F32 = Math.fround(2 * Math.PI);

/** See the file's header. */
export class NvGenerator implements NoiseSource {
  readonly #key: readonly [number, number];
  #draws = 0;

  /** Of `seed` the low 64 bits count. */
  constructor(seed: Seed) {
    const wide = BigInt.asUintN(64, BigInt(checkedSeed(seed)));
    this.#key = [Number(wide & 0xffffffffn), Number(wide >> 32n)];
  }

  /** Standard normals; the square root of a uniform's logarithm times another one's sine (Box and Muller). */
  normal(count: number): Float32Array<ArrayBuffer> {
    const result = new Float32Array(count);
    const draw = this.#draws++;
    for (let i = 0; i < count; i++) {
      const [x0, x1] = philox([draw, 0, i, 0], this.#key);
      const u = (x0 + 0.5) * 2 ** -32;
      const v = (x1 + 0.5) * 2 ** -32 * TWO_PI_F32;
      result[i] = Math.sqrt(-2 * Math.log(u)) * Math.sin(v);
    }
    return result;
  }
}
