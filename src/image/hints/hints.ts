/**
 * The kinds of hints that are computed here, without any network, by the API's names: the one list of them.
 */

import type { Mask } from '../mask.ts';
import { planesFromPicture, type Picture } from '../picture.ts';
import { canny } from './canny.ts';
import { binarized, blurred, colourGrid, grey, inverted, thresholded } from './colours.ts';
import { lineArt, scribble } from './lines.ts';
import { shuffled } from './shuffle.ts';

/** What a hint is made of. */
export type HintSource = {
  /** Opaque, in the size of the hint. */
  readonly picture: Picture;
  /** 255 where something is drawn anew, in the same size; absent where nothing is masked. */
  readonly mask?: Mask | undefined;
  /** Gives numbers from 0 to 1. */
  readonly random: () => number;
};

type Kind = {
  /** What it shows, for documentation. */
  readonly about: string;
  readonly make: (source: HintSource) => Float32Array;
};

function ofPicture(about: string, make: (picture: Picture) => Picture): Kind {
  return { about, make: ({ picture }) => hintPlanes(make(picture)) };
}

/** See the file's header. */
export const HINTS: Readonly<Record<string, Kind>> = {
  canny: ofPicture("edges by Canny's method, as OpenCV finds them", (picture) => canny(picture)),
  scribble: ofPicture('thick lines: a difference of Gaussians', (picture) => scribble(picture)),
  lineart: ofPicture('lines in the strength that they have', lineArt),
  lineart_anime: ofPicture('the same as lineart', lineArt),
  tile: ofPicture('the picture itself, to which the net adds detail', (picture) => picture),
  ip2p: ofPicture(
    'the picture itself, which the net changes as the prompt says',
    (picture) => picture,
  ),
  qrcode: ofPicture('the picture itself, to be found again in what is drawn', (picture) => picture),
  inpaint: { about: 'the picture without what mask_image has white', make: inpaintHint },
  shuffle: {
    about: 'the picture with its parts moved about at random, by the seed',
    make: ({ picture, random }) => hintPlanes(shuffled(picture, random)),
  },
  color: ofPicture('cells of 64 pixels in one colour each', colourGrid),
  gray: ofPicture('the brightness alone', grey),
  blur: ofPicture('the picture out of focus', blurred),
  invert: ofPicture('the opposite of every colour, for black lines on white', inverted),
  threshold: ofPicture('white where the picture is light', (picture) => thresholded(picture)),
  binary: ofPicture("white where the picture is light by Otsu's threshold", binarized),
};

/** A picture as nets take hints: planes [3, H, W] from 0 to 1. */
export function hintPlanes(picture: Picture): Float32Array {
  return planesFromPicture(picture).map((value) => value / 2 + 0.5);
}

/** What is masked is -1, a number that no picture has. */
function inpaintHint({ picture, mask }: HintSource): Float32Array {
  const area = picture.width * picture.height;
  return hintPlanes(picture).map((value, i) => ((mask?.data[i % area] ?? 0) >= 128 ? -1 : value));
}
