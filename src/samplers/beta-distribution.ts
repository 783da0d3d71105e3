/**
 * Quantiles of symmetric beta distributions, for the noise schedule of that name.
 *
 * The density of Beta(p, p) is proportional to (x(1 - x))^(p - 1), which is infinite at both ends for
 * p < 1. With x = v^(1/p) the lower half becomes the integral of a smooth function,
 * (1 - v^(1/p))^(p - 1) / p, and Simpson's rule does the rest.
 */

/** Intervals of Simpson's rule: with 256 of them quantiles of Beta(0.6, 0.6) are right to 1e-9. */
const INTERVALS = 256;
const BISECTIONS = 60;

/** The x below which a draw from Beta(`shape`, `shape`) lies with probability `probability`. */
export function inverseBetaCdf(probability: number, shape: number): number {
  if (probability > 0.5) return 1 - inverseBetaCdf(1 - probability, shape);
  const half = lowerIntegral(0.5, shape);
  let [low, high] = [0, 0.5];
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (lowerIntegral(middle, shape) < 2 * probability * half) low = middle;
    else high = middle;
  }
  return low === 0 ? 0 : high;
}

/** The integral of (t(1 - t))^(shape - 1) from 0 to x, x at most 1/2. */
function lowerIntegral(x: number, shape: number): number {
  const width = x ** shape / INTERVALS;
  let total = 0;
  for (let i = 0; i <= INTERVALS; i++) {
    const weight = i === 0 || i === INTERVALS ? 1 : 2 + 2 * (i % 2);
    total += weight * (1 - (i * width) ** (1 / shape)) ** (shape - 1);
  }
  return (total * width) / 3 / shape;
}
