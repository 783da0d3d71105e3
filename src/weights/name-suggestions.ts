/**
 * Which names are nearest to one that was not found, for error messages.
 *
 * Tensor names are paths (`down_blocks.0.attentions.1.proj_in.weight`), and they go wrong by whole
 * segments: one too many, one too few, or another spelling. So the distance is an edit distance over
 * segments, in which replacing one segment by a similar one costs less than a whole segment.
 */

/** The distance of two segments: 0 when equal, up to 1 when they share no beginning or end. */
function segmentDistance(a: string, b: string): number {
  if (a === b) return 0;
  const shorter = Math.min(a.length, b.length);
  const longer = Math.max(a.length, b.length);
  let front = 0;
  while (front < shorter && a.charCodeAt(front) === b.charCodeAt(front)) front++;
  let back = 0;
  while (
    back < shorter - front &&
    a.charCodeAt(a.length - 1 - back) === b.charCodeAt(b.length - 1 - back)
  ) {
    back++;
  }
  // Two numbers in the same place are a likelier mistake than two unrelated words.
  const isNumbers = /^\d+$/.test(a) && /^\d+$/.test(b);
  return isNumbers ? 0.5 : 1 - (0.8 * (front + back)) / longer;
}

/** What a segment too many or too few costs: a forgotten prefix or index is a likely mistake. */
const SKIP = 0.5;

/** Segments of a path that are looked at, so that a hostile name cannot cost quadratic time. */
const MAX_SEGMENTS = 32;

/** Weighted edit distance of two paths given as segments. */
function pathDistance(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j * SKIP);
  for (const [i, segment] of a.entries()) {
    const next = [(i + 1) * SKIP];
    for (const [j, other] of b.entries()) {
      const replaced = (row[j] ?? 0) + segmentDistance(segment, other);
      const deleted = (row[j + 1] ?? 0) + SKIP;
      const inserted = (next[j] ?? 0) + SKIP;
      next.push(Math.min(replaced, deleted, inserted));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The `count` candidates nearest to `name`, best first; equally near ones in their given order. */
export function nearestNames(name: string, candidates: Iterable<string>, count = 5): string[] {
  const segments = name.split('.', MAX_SEGMENTS);
  return Array.from(candidates, (candidate) => ({
    candidate,
    distance: pathDistance(segments, candidate.split('.', MAX_SEGMENTS)),
  }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
