/**
 * The picture that diffusers drew with the full-size model (full-size-picture.py), and how far another one is from it.
 */

import { readFile } from 'node:fs/promises';

import type { Picture } from '../../src/image/picture.ts';
import { decodePng } from '../../src/image/png-decoder.ts';
import type { FullSizeModel } from '../../tools/goldens/full-size-model.ts';

/** What is drawn: the same as in full-size-picture.py. */
export const FULL_SIZE_REQUEST = {
  prompt: 'a red fox in the snow',
  width: 64,
  height: 64,
  steps: 2,
  guidanceScale: 1,
  seed: 7,
  scheduler: 'EulerDiscreteScheduler',
  // As the API has it where a request says nothing.
  wishes: { karrasSigmas: true },
} as const;

/** Levels of 255 between two pictures: the mean, and the largest. */
export type Distance = { readonly mean: number; readonly largest: number };

/** How far a picture is from the one that diffusers drew with the same model. */
export async function distanceFromDiffusers(
  ours: Picture,
  model: FullSizeModel,
): Promise<Distance> {
  const path = new URL(`../pictures/full-size-${model}.png`, import.meta.url);
  const theirs = await decodePng(await readFile(path));
  if (ours.width !== theirs.width || ours.height !== theirs.height)
    throw new Error(
      `the picture is ${ours.width}x${ours.height}, not ${theirs.width}x${theirs.height}`,
    );
  const colours = (picture: Picture): number[] =>
    [...picture.data].filter((_, i) => i % picture.channels < 3);
  const [a, b] = [colours(ours), colours(theirs)];
  const differences = a.map((value, i) => Math.abs(value - b[i]!));
  return {
    mean: differences.reduce((sum, each) => sum + each, 0) / differences.length,
    largest: differences.reduce((most, each) => Math.max(most, each), 0),
  };
}
