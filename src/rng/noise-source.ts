/**
 * Where the random numbers of a picture come from.
 */

/** A stream of standard normals. What it gives next depends on how many were asked for at once before. */
export interface NoiseSource {
  /** The next `count` numbers, in memory of their own. A picture's are ordered [channels, height, width]. */
  normal(count: number): Float32Array<ArrayBuffer>;
}

/**
 * One source for a batch: every draw is split evenly among `sources`, so that each picture gets the noise
 * that it would get alone.
 */
export function batchedNoise(sources: readonly NoiseSource[]): NoiseSource {
  return {
    normal: (count) => {
      const each = count / sources.length;
      if (!Number.isInteger(each)) {
        throw new RangeError(`${count} numbers cannot be split among ${sources.length} pictures`);
      }
      const result = new Float32Array(count);
      for (const [i, source] of sources.entries()) result.set(source.normal(each), i * each);
      return result;
    },
  };
}
