/**
 * How a request's own picture and mask are laid under what is drawn, and how what was drawn is laid back over them.
 */

import { fitted, type Fit } from '../image/fit.ts';
import {
  binaryMask,
  composed,
  croppedPicture,
  featheredMask,
  maskBox,
  maskFromPicture,
  paddedBox,
  type Box,
  type Mask,
} from '../image/mask.ts';
import { flattened, planesFromPicture, type Picture } from '../image/picture.ts';
import { resize } from '../image/resize.ts';
import { hostTensor, type HostTensor } from '../tensor/host-tensor.ts';
import { fieldError, theField } from '../util/field-error.ts';
import type { DrawTask } from './artist.ts';
import type { GenerationRequest } from './schema/request-types.ts';
import { drawnSize, type Size } from './schema/size.ts';

/** See the file's header. */
export type Canvas = {
  /** Size of the pictures that are delivered, before any enlarging. */
  readonly delivered: Size;
  /** Size in which they are drawn. */
  readonly drawn: Size;
  /** `image`, of the request, as it lies under what is drawn: opaque, in that size. */
  readonly beneath: (image: Picture) => Picture;
  /** The mask in that size, 255 where something is drawn anew; absent where there is none. */
  readonly mask?: Mask;
  /** Size that what was drawn has in what is delivered. */
  readonly placed: Size;
  /** A picture as it was drawn, or larger, made into what is delivered. */
  readonly finished: (picture: Picture) => Picture;
};

/** Where pictures are drawn that are smaller or larger than what is delivered. */
export type CanvasOptions = {
  /** Longest side in pixels of a picture that takes its size from an image. */
  readonly maxSide: number;
  /** The one size in which the model draws; absent: any. */
  readonly nativeSize?: number;
};

/** Standard deviation of a mask's soft edge where none is asked for, in parts of the longer side: 4 pixels of 512. */
const FEATHER = 4 / 512;

/** By how much the aspects of an image and its mask may differ: what rounding makes of a mask of 64 pixels. */
const ASPECT_TOLERANCE = 1 / 64;

/** The canvas of a request; throws a `fieldError` about a mask that does not belong to the init image. */
export function canvasOf(
  request: GenerationRequest,
  images: DrawTask['images'],
  { maxSide, nativeSize }: CanvasOptions,
): Canvas {
  const { init_image: init, mask_image: mask } = images;
  if (init !== undefined && mask !== undefined) checkMask(init, mask);
  const native = nativeSize === undefined ? undefined : { width: nativeSize, height: nativeSize };
  const isPart = 'inpaint_full_res' in request && request.inpaint_full_res;
  if (isPart && init !== undefined && mask !== undefined) {
    const { width, height } = request;
    return partCanvas({ init, mask, drawn: native ?? { width, height } }, request);
  }
  const { delivered, drawn } = sizesOf(request, images, maxSide);
  return wholeCanvas({ delivered, drawn: native ?? drawn, images }, request);
}

/** A picture [1, 3, H, W] in [-1, 1]. */
export function pictureTensor(picture: Picture): HostTensor {
  const { width, height } = picture;
  return hostTensor(planesFromPicture(picture), [1, 3, height, width]);
}

/** A mask [1, 1, H, W]: 1 where something is drawn anew, else 0. */
export function maskTensor({ width, height, data }: Mask): HostTensor {
  const values = Float32Array.from(data, (value) => (value >= 128 ? 1 : 0));
  return hostTensor(values, [1, 1, height, width]);
}

/** The whole picture is drawn. */
function wholeCanvas(
  { delivered, drawn, images }: { delivered: Size; drawn: Size; images: DrawTask['images'] },
  request: GenerationRequest,
): Canvas {
  const { init_image: init, mask_image: given } = images;
  const fit: Fit = 'fit' in request && request.fit !== 'keep' ? request.fit : 'stretch';
  const aspect = delivered.width / delivered.height;
  const beneath = (image: Picture): Picture =>
    fitted(flattened(image), fit, { size: drawn, aspect });
  if (given === undefined) {
    const finished = (picture: Picture): Picture => resize(picture, delivered);
    return { delivered, drawn, beneath, placed: delivered, finished };
  }
  // Beside the init image there is nothing to keep.
  const maskIn = (size: Size): Mask =>
    maskFromPicture(fitted(given, fit, { size, aspect, bars: 255 }));
  const finished = (picture: Picture): Picture => {
    const whole = resize(picture, delivered);
    if (init === undefined) return whole;
    const soft = featheredMask(maskIn(delivered), blurOf(request, delivered));
    const original = fitted(flattened(init), fit, { size: delivered, aspect });
    return composed(original, whole, soft, boxOf(delivered));
  };
  const mask = binaryMask(maskIn(drawn));
  return { delivered, drawn, beneath, mask, placed: delivered, finished };
}

/** Only the part around the mask is drawn, and put back into the picture, which keeps its size. */
function partCanvas(
  { init, mask: given, drawn }: { init: Picture; mask: Picture; drawn: Size },
  request: Extract<GenerationRequest, { operation: 'inpaint' }>,
): Canvas {
  const { width, height } = init;
  const mask = binaryMask(maskFromPicture(resize(given, { width, height })));
  const around = maskBox(mask);
  const padding = request.inpaint_full_res_padding;
  const aspect = drawn.width / drawn.height;
  const box =
    around === undefined ? boxOf(init) : paddedBox(around, { padding, aspect, width, height });
  const size: Size = { width: box.right - box.left, height: box.bottom - box.top };
  const part = (image: Picture): Picture => {
    const whole = resize(image, { width, height });
    return resize(croppedPicture(whole, box), drawn);
  };
  return {
    delivered: { width, height },
    drawn,
    beneath: (image) => part(flattened(image)),
    mask: binaryMask(maskFromPicture(part(given))),
    placed: size,
    finished: (picture) => {
      const soft = featheredMask(mask, blurOf(request, size));
      return composed(flattened(init), resize(picture, size), soft, box);
    },
  };
}

/** In which size a picture is delivered, and in which it is drawn. */
function sizesOf(
  request: GenerationRequest,
  { init_image: init, control_image: control }: DrawTask['images'],
  maxSide: number,
): { delivered: Size; drawn: Size } {
  const { width, height } = request;
  const isKept = 'fit' in request && request.fit === 'keep';
  if (!isKept && width !== null && height !== null) {
    return { delivered: { width, height }, drawn: { width, height } };
  }
  const image = init ?? control ?? { width: 512, height: 512 };
  return {
    delivered: { width: image.width, height: image.height },
    drawn: drawnSize(image, maxSide),
  };
}

/** Refuses a mask that would have to be distorted to lie over its image. */
function checkMask(image: Picture, mask: Picture): void {
  const ratio = (mask.width * image.height) / (mask.height * image.width);
  if (Math.abs(Math.log(ratio)) <= ASPECT_TOLERANCE) return;
  const sizes = [mask, image].map(({ width, height }) => `${width}x${height}`);
  const message = `${theField('mask_image')}: the mask is ${sizes[0]}, which does not fit the init_image of ${sizes[1]}. It must have the size of the init_image, or its aspect.`;
  throw fieldError({ mask_image: [message] });
}

function blurOf(request: GenerationRequest, { width, height }: Size): number {
  const asked = 'mask_blur' in request ? request.mask_blur : null;
  return asked ?? FEATHER * Math.max(width, height);
}

function boxOf({ width, height }: Size): Box {
  return { left: 0, top: 0, right: width, bottom: height };
}
