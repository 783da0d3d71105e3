/**
 * Noise between two noises: A1111's variation seeds.
 *
 * Shoemake, "Animating Rotation with Quaternion Curves" (1985), section 3.3, for the way along a sphere. Matches A1111,
 * which takes each column of each channel for a vector, and turns it by its own angle.
 */

/** Above this mean cosine between columns the two noises count as one, and are mixed in a line. */
const PARALLEL = 0.9995;
/** Below this sine of an angle there is no telling which way to turn. */
const FLAT = 1e-6;

/** Two noises, and how far from the first to the second. */
export type Variation = {
  readonly from: Float32Array;
  readonly to: Float32Array;
  /** 0, all `from`, to 1, all `to`. */
  readonly strength: number;
};

/** The noise in between, of one picture [channels, height, width]. */
export function variedNoise(
  { from, to, strength: t }: Variation,
  { height, width }: { readonly height: number; readonly width: number },
): Float32Array<ArrayBuffer> {
  const columns = columnStarts(from.length, height, width);
  const cosines = columns.map((start) => {
    let [dot, a, b] = [0, 0, 0];
    for (let i = start; i < start + height * width; i += width) {
      dot += from[i]! * to[i]!;
      a += from[i]! ** 2;
      b += to[i]! ** 2;
    }
    return dot / Math.sqrt(a * b);
  });
  const isOne = cosines.reduce((total, each) => total + each, 0) / columns.length > PARALLEL;
  const result = new Float32Array(from.length);
  for (const [k, start] of columns.entries()) {
    const angle = Math.acos(Math.min(1, Math.max(-1, cosines[k]!)));
    const sine = Math.sin(angle);
    const [p, q] =
      isOne || sine < FLAT
        ? [1 - t, t]
        : [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
    for (let i = start; i < start + height * width; i += width) {
      result[i] = p * from[i]! + q * to[i]!;
    }
  }
  return result;
}

/** Where each column of each channel has its first number. */
function columnStarts(length: number, height: number, width: number): number[] {
  const channels = length / (height * width);
  return Array.from({ length: channels * width }, (_, k) => {
    return Math.floor(k / width) * height * width + (k % width);
  });
}
