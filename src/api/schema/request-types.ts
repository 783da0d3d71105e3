/**
 * Generation requests as plain data: every field present, in range, under its documented name.
 *
 * The fields, their meanings and their defaults stand in `fields.ts`.
 */

import type * as v from 'valibot';
import type { commonFields, controlnetFields, initImageFields, inpaintFields } from './fields.ts';

type Read<F extends (...options: never[]) => v.ObjectEntries> = v.InferOutput<
  v.ObjectSchema<ReturnType<F>, undefined>
>;

/** What every generation is asked. */
type Common = Read<typeof commonFields>;

/** A picture to draw from a text. */
export type Text2imgRequest = { operation: 'text2img' } & Common;

/** A picture to draw from a text and an image. */
export type Img2imgRequest = { operation: 'img2img' } & Omit<Common, 'width' | 'height'> &
  Read<typeof initImageFields> & {
    /** Null: the init image's, see `drawnSize`. */
    width: number | null;
    /** Null with {@link Img2imgRequest.width}. */
    height: number | null;
  };

/** A part of an image to draw anew. */
export type InpaintRequest = { operation: 'inpaint' } & Common & Read<typeof inpaintFields>;

/** A picture to draw after the lines, depths or poses of an image. */
export type ControlnetRequest = { operation: 'controlnet' } & Omit<Common, 'prompt'> &
  Read<typeof controlnetFields> & {
    /** Which image the hint is made of. */
    hint_source: 'init_image' | 'control_image';
  };

/** A request for one of the operations. */
export type GenerationRequest =
  Text2imgRequest | Img2imgRequest | InpaintRequest | ControlnetRequest;

/** What a generation does. */
export type Operation = GenerationRequest['operation'];
