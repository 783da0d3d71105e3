/**
 * Pictures and files for the tests of this folder.
 */

import fc from 'fast-check';
import type { Picture } from '../../../src/image/picture.ts';

/** Small pictures of every size, with three or four channels. */
export function pictures(): fc.Arbitrary<Picture> {
  const side = fc.integer({ min: 1, max: 9 });
  return fc
    .record({ width: side, height: side, channels: fc.constantFrom(3 as const, 4 as const) })
    .chain(({ width, height, channels }) => {
      const length = width * height * channels;
      return fc
        .uint8Array({ minLength: length, maxLength: length })
        .map((data) => ({ width, height, channels, data }));
    });
}
