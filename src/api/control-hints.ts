/**
 * The hints that ControlNets are shown: the request's control image, or what is made of its init image.
 */

import { NETWORK_HINTS } from '../annotators/kinds.ts';
import { hintPlanes, HINTS } from '../image/hints/hints.ts';
import { pictureFromPlanes } from '../image/picture.ts';
import { encodePng } from '../image/png.ts';
import type { AdjunctEntry } from '../models/manifest.ts';
import type { ControlRequest } from '../pipelines/control.ts';
import type { GenerateRequest } from '../pipelines/generate.ts';
import { Mt19937 } from '../rng/mt19937.ts';
import { hostTensor } from '../tensor/host-tensor.ts';
import { fieldError, theField } from '../util/field-error.ts';
import type { DrawTask } from './artist.ts';
import type { Canvas } from './canvas.ts';
import type { ModelRegistry } from './model-registry.ts';
import type { GenerationRequest } from './schema/request-types.ts';

/** What hints are made of, and by. */
type HintOptions = {
  readonly canvas: Canvas;
  readonly images: DrawTask['images'];
  readonly models: Pick<ModelRegistry, 'adjunct' | 'annotator'>;
  /** Of hints that are made at random. */
  readonly seed: number;
};

/** A kind of hint that can be made of a picture. */
export type HintKind = {
  /** Its name in the API. */
  readonly kind: string;
  /** What it shows. */
  readonly about: string;
  /** The network that makes it, downloaded when it is first needed; absent: none is needed. */
  readonly annotator?: AdjunctEntry;
};

/** All of them, with these entries for what only a network can tell. */
export function hintKinds(entries: readonly AdjunctEntry[]): HintKind[] {
  const own = Object.entries(HINTS).map(([kind, { about }]) => ({ kind, about }));
  const others = Object.entries(NETWORK_HINTS).flatMap(([kind, { about, of }]): HintKind[] => {
    const annotator = entries.find((entry) => entry.kind === 'annotator' && entry.hint === of);
    return annotator === undefined ? [] : [{ kind, about, annotator }];
  });
  return [...own, ...others];
}

/** Hints as PNG files; what is masked out of a hint is black. */
export function hintFiles(control: readonly ControlRequest[]): Promise<Blob[]> {
  const files = control.map(async ({ hint: { dims, data } }) => {
    const [, , height = 0, width = 0] = dims;
    const planes = data.map((value) => Math.max(0, value) * 2 - 1);
    const picture = pictureFromPlanes(planes, { width, height });
    return new Blob([await encodePng(picture)], { type: 'image/png' });
  });
  return Promise.all(files);
}

/** The part of a request to the pipeline that is about ControlNets; throws a `fieldError` for a hint that cannot be made. */
export function controlOf(
  request: GenerationRequest,
  { canvas, images, models, seed }: HintOptions,
): Pick<GenerateRequest, 'control' | 'isGuess'> {
  if (request.operation !== 'controlnet') return {};
  const source = request.hint_source === 'control_image' ? images.control_image : images.init_image;
  if (source === undefined) return {};
  const isMade = request.hint_source === 'init_image' && request.auto_hint;
  const picture = canvas.beneath(source);
  const { mask } = canvas;
  const dims = [1, 3, picture.height, picture.width];
  const control = request.controlnet_model.flatMap((id, i): ControlRequest[] => {
    const entry = models.adjunct('controlnet', id);
    // An artist that opens nets by itself makes their hints itself.
    if (entry === undefined) return [];
    const { controlnet_type: types } = request;
    const named = (types.length === 1 ? types[0] : types[i]) ?? id;
    const kind = named === id ? (entry.hint ?? id) : named;
    // No image file can hold what this kind has where something is masked.
    const isAlwaysMade = kind === 'inpaint' && mask !== undefined;
    const conditioningScale = request.controlnet_conditioning_scale[i] ?? 1;
    const shown = (planes: Float32Array): ControlRequest => {
      return { id, hint: hostTensor(planes, dims), conditioningScale };
    };
    if (!isMade && !isAlwaysMade) return [shown(hintPlanes(picture))];
    const known = Object.hasOwn(HINTS, kind) ? HINTS[kind] : undefined;
    if (known !== undefined) {
      return [shown(known.make({ picture, mask, random: uniform(seed) }))];
    }
    const told = Object.hasOwn(NETWORK_HINTS, kind) ? NETWORK_HINTS[kind]?.of : undefined;
    const annotator = told === undefined ? undefined : models.annotator(told);
    if (annotator === undefined) throw impossible(kind, told);
    return [{ ...shown(hintPlanes(picture)), annotation: { kind, annotator } }];
  });
  return { control, isGuess: request.guess_mode };
}

function impossible(kind: string, told: string | undefined): Error {
  const own = Object.keys(HINTS).join(', ');
  const others = Object.keys(NETWORK_HINTS).join(', ');
  const lack = told === undefined ? '' : `, for no annotator of ${told} is in the manifest`;
  const message = `${theField('controlnet_type')}: a hint of the kind ${kind} cannot be made here${lack} (those that can: ${own}; with an annotator: ${others}). Send it as control_image, or as init_image with auto_hint "no".`;
  return fieldError({ controlnet_type: [message] }, { code: 'unsupported' });
}

/** Numbers from 0 to 1 with 53 bits, as numpy gives them after `numpy.random.seed(seed)`. */
function uniform(seed: number): () => number {
  const integers = new Mt19937(seed);
  return () => {
    const [high, low] = [integers.next() >>> 5, integers.next() >>> 6];
    return (high * 2 ** 26 + low) / 2 ** 53;
  };
}
