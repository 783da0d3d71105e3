/**
 * PyTorch's CPU generator: `torch.Generator().manual_seed(seed)` with `torch.randn` and `torch.rand`.
 *
 * Matches torch 1.13 to 2.13: uniforms bit for bit, normals within 2e-6, since torch's own vectorised
 * logarithm, sine and cosine differ by that much between CPUs. In float16 it matches torch 2.13; until 2.7
 * at least, torch drew that from coarser uniforms.
 *
 * Limitation: contiguous draws only.
 */

import { float16ToFloat32Array, float32ToFloat16Array } from '../tensor/float16.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import { Mt19937 } from './mt19937.ts';
import type { NoiseSource } from './noise-source.ts';
import { checkedSeed, type Seed } from './seed.ts';

/** From this many numbers on torch draws in blocks of as many, and never reuses half of a pair. */
const BLOCK = 16;
const HALF_BLOCK = BLOCK / 2;

const TWO_PI_F32 = Math.fround(2 * Math.PI);

/** See the file's header. */
export class TorchGenerator implements NoiseSource {
  readonly #engine: Mt19937;
  readonly #dtype: FloatDtype;
  /** Second half of the last Box-Muller pair of a small draw; draws in blocks leave it alone. */
  #spare: number | undefined;

  /** Of `seed` only the low 32 bits count; `dtype` is what normals are drawn in, and rounded to. */
  constructor(seed: Seed, dtype: FloatDtype = 'float32') {
    this.#engine = new Mt19937(checkedSeed(seed));
    this.#dtype = dtype;
  }

  /** `torch.rand(count)`: uniform in [0, 1). */
  uniform(count: number): Float32Array<ArrayBuffer> {
    const result = new Float32Array(count);
    for (let i = 0; i < count; i++) result[i] = this.#uniform24();
    return result;
  }

  /** Standard normals: `torch.randn(count)`. */
  normal(count: number): Float32Array<ArrayBuffer> {
    const result = new Float32Array(count);
    if (count < BLOCK) {
      for (let i = 0; i < count; i++) result[i] = this.#single();
    } else {
      this.#fill(result);
    }
    return this.#dtype === 'float32'
      ? result
      : float16ToFloat32Array(float32ToFloat16Array(result));
  }

  #fill(result: Float32Array<ArrayBuffer>): void {
    const { length } = result;
    const rest = length % BLOCK;
    // In float32, and only there, torch draws uniforms for the incomplete block too, and then forgets them.
    result.set(this.uniform(this.#dtype === 'float32' ? length : length - rest));
    for (let at = 0; at + BLOCK <= length; at += BLOCK) boxMullerBlock(result, at);
    if (rest === 0) return;
    // The last 16 are overwritten, finished numbers among them, from fresh uniforms.
    result.set(this.uniform(BLOCK), length - BLOCK);
    boxMullerBlock(result, length - BLOCK);
  }

  #single(): number {
    const spare = this.#spare;
    if (spare !== undefined) {
      this.#spare = undefined;
      return spare;
    }
    const u1 = this.#uniform53();
    const u2 = this.#uniform53();
    const r = Math.sqrt(-2 * Math.log1p(-u2));
    const theta = 2 * Math.PI * u1;
    this.#spare = r * Math.sin(theta);
    return r * Math.cos(theta);
  }

  #uniform24(): number {
    return (this.#engine.next() & 0xffffff) * 2 ** -24;
  }

  #uniform53(): number {
    const high = this.#engine.next() & 0x1fffff;
    return (high * 2 ** 32 + this.#engine.next()) * 2 ** -53;
  }
}

/** Turns 16 uniforms into normals, in place: number j gives the radius of both j and j + 8. */
function boxMullerBlock(data: Float32Array, at: number): void {
  for (let j = at; j < at + HALF_BLOCK; j++) {
    const r = Math.sqrt(-2 * Math.log(1 - data[j]!));
    const theta = Math.fround(TWO_PI_F32 * data[j + HALF_BLOCK]!);
    data[j] = r * Math.cos(theta);
    data[j + HALF_BLOCK] = r * Math.sin(theta);
  }
}
