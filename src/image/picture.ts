/**
 * A picture as 8-bit pixels, and its conversion to and from the floats that a VAE takes and gives.
 *
 * The floats are planes [3, H, W] in -1…1; the rounding is that of diffusers' `VaeImageProcessor`:
 * 32-bit arithmetic, and halves to the even neighbour, as numpy rounds.
 */

/** Rows of pixels from the top, each `channels` bytes: red, green, blue and, with four, alpha. */
export type Picture = {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** `width * height * channels` bytes. */
  readonly data: Uint8Array;
};

/** A picture that is all zero. */
export function blankPicture(width: number, height: number, channels: 3 | 4): Picture {
  return { width, height, channels, data: new Uint8Array(width * height * channels) };
}

/**
 * Planes in -1…1 as a picture: `round(clamp(x / 2 + 0.5, 0, 1) * 255)`.
 *
 * @param planes at least `3 * height * width` values, [3, H, W]; what lies behind is not read.
 * @param size with `channels` 4 the alpha is opaque. Default 3.
 */
export function pictureFromPlanes(
  planes: Float32Array,
  size: { width: number; height: number; channels?: 3 | 4 },
): Picture {
  const { width, height, channels = 3 } = size;
  const area = width * height;
  if (planes.length < 3 * area) {
    throw new RangeError(`planes must hold 3 x ${height} x ${width} values, got ${planes.length}`);
  }
  const picture = blankPicture(width, height, channels);
  const { data } = picture;
  if (channels === 4) data.fill(255);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < area; i++) {
      data[i * channels + channel] = byteFromSigned(planes[channel * area + i]!);
    }
  }
  return picture;
}

/** A picture as planes [3, H, W] in -1…1: `x / 255 * 2 - 1`. Alpha is dropped, as diffusers does. */
export function planesFromPicture(picture: Picture): Float32Array {
  const { width, height, channels, data } = picture;
  const area = width * height;
  const planes = new Float32Array(3 * area);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < area; i++) {
      planes[channel * area + i] = SIGNED_FROM_BYTE[data[i * channels + channel]!]!;
    }
  }
  return planes;
}

/** The same picture with three channels, laid over white where it is transparent, as A1111's web UI does it. */
export function flattened(picture: Picture): Picture {
  if (picture.channels === 3) return picture;
  const opaque = blankPicture(picture.width, picture.height, 3);
  for (let from = 0, to = 0; to < opaque.data.length; from += 4, to += 3) {
    const alpha = picture.data[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const over = picture.data[from + c]! * alpha + 255 * (255 - alpha);
      opaque.data[to + c] = Math.round(over / 255);
    }
  }
  return opaque;
}

/** The same picture with four channels; new alpha is opaque. This is what a canvas takes. */
export function withAlpha(picture: Picture): Picture {
  if (picture.channels === 4) return picture;
  const rgba = blankPicture(picture.width, picture.height, 4);
  for (let from = 0, to = 0; to < rgba.data.length; from += 3, to += 4) {
    rgba.data[to] = picture.data[from]!;
    rgba.data[to + 1] = picture.data[from + 1]!;
    rgba.data[to + 2] = picture.data[from + 2]!;
    rgba.data[to + 3] = 255;
  }
  return rgba;
}

/** `byte / 255 * 2 - 1` in 32-bit arithmetic, for each byte. */
const SIGNED_FROM_BYTE = Float32Array.from({ length: 256 }, (_, byte) => {
  return Math.fround(Math.fround(byte / 255) * 2) - 1;
});

function byteFromSigned(x: number): number {
  const unit = Math.fround(Math.fround(x / 2) + 0.5);
  // NaN fails both comparisons and ends as 0; the pipelines report it long before.
  const clamped = unit > 1 ? 1 : unit > 0 ? unit : 0;
  return roundHalfToEven(Math.fround(clamped * 255));
}

function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest === 0.5) return floor + (floor % 2);
  return rest > 0.5 ? floor + 1 : floor;
}
