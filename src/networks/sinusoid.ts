/**
 * Sinusoidal embeddings of timesteps and sizes, as diffusers' `Timesteps` layer computes them.
 *
 * They are a few kilobytes and lose precision in f16, so they are computed here in f64 and enter the
 * graphs as inputs.
 */

/** Options of {@link sinusoid}. */
export type SinusoidOptions = {
  /** Cosines before sines; true for Stable Diffusion. */
  readonly flipSinToCos: boolean;
  /** Shift of the exponent's denominator; 0 for Stable Diffusion. */
  readonly freqShift: number;
};

const MAX_PERIOD = 10_000;

/** The embedding of each value, row by row: [values.length, width]. `width` must be even. */
export function sinusoid(
  values: ArrayLike<number>,
  width: number,
  { flipSinToCos, freqShift }: SinusoidOptions,
): Float32Array<ArrayBuffer> {
  const half = width / 2;
  if (!Number.isInteger(half))
    throw new RangeError(`the width of a sinusoid must be even, got ${width}`);
  const result = new Float32Array(values.length * width);
  const [cosAt, sinAt] = flipSinToCos ? [0, half] : [half, 0];
  for (let row = 0; row < values.length; row++) {
    for (let i = 0; i < half; i++) {
      const frequency = Math.exp((-Math.log(MAX_PERIOD) * i) / (half - freqShift));
      // diffusers forms the angle in f32, which shows at timesteps of hundreds; so do we.
      const angle = Math.fround(Math.fround(values[row] ?? 0) * Math.fround(frequency));
      result[row * width + cosAt + i] = Math.cos(angle);
      result[row * width + sinAt + i] = Math.sin(angle);
    }
  }
  return result;
}

/**
 * The embedding of guidance scales that LCM UNets take as `timestep_cond` (diffusers'
 * `get_guidance_scale_embedding`): sines first, the scale less one times 1000.
 */
export function guidanceEmbedding(
  guidanceScales: ArrayLike<number>,
  width: number,
): Float32Array<ArrayBuffer> {
  const values = Array.from(guidanceScales, (scale) => (scale - 1) * 1000);
  return sinusoid(values, width, { flipSinToCos: false, freqShift: 1 });
}
