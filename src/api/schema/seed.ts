/**
 * Which noise the pictures of a request begin with.
 */

const SEED_COUNT = 2 ** 32;

/** The seed that a request asks for, or a random one where it asks for any. */
export function chosenSeed(seed: number | null): number {
  return seed ?? (crypto.getRandomValues(new Uint32Array(1))[0] as number);
}

/** The seed of the picture `index`: each sample has the next one, so that it can be drawn alone. */
export function seedOfPicture(seed: number, index: number): number {
  return (seed + index) % SEED_COUNT;
}
