/**
 * The Mersenne Twister, seeded as PyTorch's CPU generator seeds it.
 *
 * Matsumoto and Nishimura, "Mersenne Twister: A 623-dimensionally equidistributed uniform pseudorandom
 * number generator" (1998). Of a seed only the low 32 bits count.
 */

const SIZE = 624;
const SHIFT = 397;
const MATRIX = 0x9908b0df;
const UPPER = 0x80000000;
const LOWER = 0x7fffffff;

/** A stream of 32-bit integers. */
export class Mt19937 {
  readonly #state = new Uint32Array(SIZE);
  #next = SIZE;

  constructor(seed: number | bigint) {
    const state = this.#state;
    state[0] = low32(seed);
    for (let j = 1; j < SIZE; j++) {
      const before = state[j - 1]!;
      state[j] = Math.imul(1812433253, before ^ (before >>> 30)) + j;
    }
  }

  /** The next integer, 0 to 2^32 - 1. */
  next(): number {
    if (this.#next === SIZE) this.#twist();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #twist(): void {
    const state = this.#state;
    for (let j = 0; j < SIZE; j++) {
      const y = (state[j]! & UPPER) | (state[(j + 1) % SIZE]! & LOWER);
      state[j] = state[(j + SHIFT) % SIZE]! ^ (y >>> 1) ^ (y & 1 ? MATRIX : 0);
    }
    this.#next = 0;
  }
}

/** A seed modulo 2^32: negative ones wrap as 64-bit integers do. */
function low32(seed: number | bigint): number {
  return Number(BigInt.asUintN(32, BigInt(seed)));
}
