/**
 * Bytes that look like weights to whoever moves them, the same at every call.
 */

/** `size` bytes that differ between seeds and between positions; seed at least 1. */
export function patternBytes(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  // Marsaglia's xorshift, "Xorshift RNGs", 2003.
  let state = seed;
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, size).slice();
}
