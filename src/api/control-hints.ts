/**
 * The hints that ControlNets are shown: the request's control image, or what is made of its init image.
 */

import { canny } from '../image/hints/canny.ts';
import { planesFromPicture, type Picture } from '../image/picture.ts';
import type { ControlRequest } from '../pipelines/control.ts';
import type { GenerateRequest } from '../pipelines/generate.ts';
import { hostTensor } from '../tensor/host-tensor.ts';
import { fieldError, theField } from '../util/field-error.ts';
import type { DrawTask } from './artist.ts';
import type { Canvas } from './canvas.ts';
import type { ModelRegistry } from './model-registry.ts';
import type { GenerationRequest } from './schema/request-types.ts';

/** What makes a hint of a picture, by the API's names; those that need a network are not here. */
const MAKERS: Readonly<Record<string, (picture: Picture) => Picture>> = {
  canny: (picture) => canny(picture),
  // The net that adds detail is shown the picture itself.
  tile: (picture) => picture,
};

/** The part of a request to the pipeline that is about ControlNets; throws a `fieldError` for a hint that cannot be made. */
export function controlOf(
  request: GenerationRequest,
  {
    canvas,
    images,
    models,
  }: { canvas: Canvas; images: DrawTask['images']; models: Pick<ModelRegistry, 'adjunct'> },
): Pick<GenerateRequest, 'control' | 'isGuess'> {
  if (request.operation !== 'controlnet') return {};
  const source = request.hint_source === 'control_image' ? images.control_image : images.init_image;
  if (source === undefined) return {};
  const isMade = request.hint_source === 'init_image' && request.auto_hint;
  const picture = canvas.beneath(source);
  const control = request.controlnet_model.flatMap((id, i): ControlRequest[] => {
    const entry = models.adjunct('controlnet', id);
    // An artist that opens nets by itself makes their hints itself.
    if (entry === undefined) return [];
    const { controlnet_type: types } = request;
    const named = (types.length === 1 ? types[0] : types[i]) ?? id;
    const hint = isMade ? made(named === id ? (entry.hint ?? id) : named, picture) : picture;
    const conditioningScale = request.controlnet_conditioning_scale[i] ?? 1;
    const planes = planesFromPicture(hint).map((value) => value / 2 + 0.5);
    const dims = [1, 3, hint.height, hint.width];
    return [{ id, hint: hostTensor(planes, dims), conditioningScale }];
  });
  return { control, isGuess: request.guess_mode };
}

function made(kind: string, picture: Picture): Picture {
  const make = Object.hasOwn(MAKERS, kind) ? MAKERS[kind] : undefined;
  if (make !== undefined) return make(picture);
  const known = Object.keys(MAKERS).join(', ');
  throw fieldError(
    {
      controlnet_type: [
        `${theField('controlnet_type')}: a hint of the kind ${kind} cannot be made here yet (those that can: ${known}). Send it as control_image, or as init_image with auto_hint "no".`,
      ],
    },
    { code: 'unsupported' },
  );
}
