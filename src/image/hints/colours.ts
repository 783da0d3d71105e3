/**
 * Hints that are about brightness and colours rather than about lines.
 */

import { blankPicture, type Picture } from '../picture.ts';
import { brightness, gaussianBlur, greyPicture, rasterOf, resizeCubic } from './planes.ts';

/** Edge in pixels of the cells of {@link colourGrid}. */
const CELL = 64;

/** Standard deviation in pixels of {@link blurred}. */
const BLUR = 9;

/** Cells of one colour each, 64 pixels wide and high, as the T2I-Adapter of colours was shown them. */
export function colourGrid(picture: Picture): Picture {
  const { width, height } = picture;
  const columns = Math.max(1, Math.floor(width / CELL));
  const rows = Math.max(1, Math.floor(height / CELL));
  const small = resizeCubic(rasterOf(picture), columns, rows).data;
  const result = blankPicture(width, height, 3);
  for (let i = 0; i < width * height; i++) {
    const column = Math.floor(((i % width) * columns) / width);
    const row = Math.floor((Math.floor(i / width) * rows) / height);
    for (let c = 0; c < 3; c++) {
      const value = small[(row * columns + column) * 3 + c] ?? 0;
      result.data[3 * i + c] = Math.min(255, Math.max(0, Math.round(value)));
    }
  }
  return result;
}

/** The brightness alone. */
export function grey(picture: Picture): Picture {
  return greyPicture(picture.width, picture.height, brightness(picture));
}

/** The picture out of focus. */
export function blurred(picture: Picture): Picture {
  const { width, height, data } = gaussianBlur(rasterOf(picture), BLUR);
  return { width, height, channels: 3, data: Uint8Array.from(data, (value) => Math.round(value)) };
}

/** Every colour's opposite: black lines on white become what nets of lines were shown. */
export function inverted(picture: Picture): Picture {
  const result = blankPicture(picture.width, picture.height, 3);
  rasterOf(picture).data.forEach((value, i) => (result.data[i] = 255 - value));
  return result;
}

/** White where the brightness is above `threshold`, else black. */
export function thresholded(picture: Picture, threshold = 127): Picture {
  const light = brightness(picture);
  return greyPicture(
    picture.width,
    picture.height,
    light.map((value) => (value > threshold ? 255 : 0)),
  );
}

/** {@link thresholded} at N. Otsu's threshold (1979), at which dark and light pixels differ most from each other. */
export function binarized(picture: Picture): Picture {
  const counts = new Float64Array(256);
  for (const value of brightness(picture)) counts[value] = (counts[value] ?? 0) + 1;
  const all = picture.width * picture.height;
  const sum = counts.reduce((total, count, value) => total + count * value, 0);
  let [best, threshold, darkCount, darkSum] = [0, 0, 0, 0];
  for (const [value, count] of counts.entries()) {
    darkCount += count;
    darkSum += count * value;
    const lightCount = all - darkCount;
    if (darkCount === 0 || lightCount === 0) continue;
    const distance = darkSum / darkCount - (sum - darkSum) / lightCount;
    const between = darkCount * lightCount * distance ** 2;
    if (between > best) [best, threshold] = [between, value];
  }
  return thresholded(picture, threshold);
}
