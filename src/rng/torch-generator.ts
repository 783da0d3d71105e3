/**
 * PyTorch's CPU generator: `torch.Generator().manual_seed(seed)` with `torch.randn` and `torch.rand`, float32.
 *
 * Matches torch 1.13 to 2.13: uniforms bit for bit, normals within 2e-6, since torch's own vectorised
 * logarithm, sine and cosine differ by that much between CPUs.
 *
 * Limitations: contiguous float32 draws only. torch draws float16 and bfloat16 in another order unless
 * the count is a multiple of 16.
 */

import { EngineError } from '../errors.ts';
import { Mt19937 } from './mt19937.ts';
import type { NoiseSource } from './noise-source.ts';

/** From this many numbers on torch draws in blocks of as many, and never reuses half of a pair. */
const BLOCK = 16;
const HALF_BLOCK = BLOCK / 2;

const TWO_PI_F32 = Math.fround(2 * Math.PI);

/** See the file's header. */
export class TorchGenerator implements NoiseSource {
  readonly #engine: Mt19937;
  /** Second half of the last Box-Muller pair of a small draw; draws in blocks leave it alone. */
  #spare: number | undefined;

  /** `seed`: any integer, safe where it is a number; only its low 32 bits count. */
  constructor(seed: number | bigint) {
    if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
      throw new EngineError('invalid-argument', `a seed must be an integer, got ${seed}`);
    }
    this.#engine = new Mt19937(seed);
  }

  /** `torch.rand(count)`: uniform in [0, 1). */
  uniform(count: number): Float32Array<ArrayBuffer> {
    const result = new Float32Array(count);
    for (let i = 0; i < count; i++) result[i] = this.#uniform24();
    return result;
  }

  /** Standard normals: `torch.randn(count)`. */
  normal(count: number): Float32Array<ArrayBuffer> {
    const result = count < BLOCK ? new Float32Array(count) : this.uniform(count);
    if (count < BLOCK) {
      for (let i = 0; i < count; i++) result[i] = this.#single();
      return result;
    }
    for (let at = 0; at + BLOCK <= count; at += BLOCK) boxMullerBlock(result, at);
    if (count % BLOCK !== 0) {
      // torch overwrites the last 16, finished numbers among them, from fresh uniforms.
      result.set(this.uniform(BLOCK), count - BLOCK);
      boxMullerBlock(result, count - BLOCK);
    }
    return result;
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
