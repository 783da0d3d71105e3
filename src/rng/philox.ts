/**
 * Philox4x32-10, the counter-based generator of CUDA's random numbers: Salmon et al., "Parallel Random Numbers: As Easy
 * as 1, 2, 3" (2011), section 4.3.
 */

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
/** The golden ratio and the square root of 3, less 1: what the key grows by between rounds. */
const WEYL = [0x9e3779b9, 0xbb67ae85] as const;
const ROUNDS = 10;

/** Four 32-bit integers. */
type Block = readonly [number, number, number, number];

/** Encrypts a counter under a key of two 32-bit integers; every integer is 0 to 2^32 - 1. */
export function philox(counter: Block, key: readonly [number, number]): Block {
  let [x0, x1, x2, x3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const [high0, high2] = [highProduct(x0, MULTIPLIERS[0]), highProduct(x2, MULTIPLIERS[1])];
    const [low0, low2] = [Math.imul(x0, MULTIPLIERS[0]), Math.imul(x2, MULTIPLIERS[1])];
    [x0, x1, x2, x3] = [high2 ^ x1 ^ k0, low2, high0 ^ x3 ^ k1, low0];
    k0 = (k0 + WEYL[0]) | 0;
    k1 = (k1 + WEYL[1]) | 0;
  }
  return [x0 >>> 0, x1 >>> 0, x2 >>> 0, x3 >>> 0];
}

/** The high 32 bits of a product of two 32-bit integers, by halves of 16 bits, whose products are exact. */
function highProduct(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 0x10000);
  const carry = (aLow * bHigh + (middle % 0x10000)) / 0x10000;
  return aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry);
}
