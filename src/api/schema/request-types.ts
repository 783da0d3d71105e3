/**
 * Generation requests as plain data: every field present, in range, under its documented name.
 *
 * The fields, their meanings and their defaults stand in `fields.ts`.
 */

import type * as v from 'valibot';
import type { commonFields, initImageFields } from './fields.ts';

type Read<F extends (...options: never[]) => v.ObjectEntries> = v.InferOutput<
  v.ObjectSchema<ReturnType<F>, undefined>
>;

/** A picture to draw from a text. */
export type Text2imgRequest = { operation: 'text2img' } & Read<typeof commonFields>;

/** A picture to draw from a text and an image. */
export type Img2imgRequest = { operation: 'img2img' } & Omit<
  Read<typeof commonFields>,
  'width' | 'height'
> &
  Read<typeof initImageFields> & {
    /** Null: the init image's, see `drawnSize`. */
    width: number | null;
    /** Null with {@link Img2imgRequest.width}. */
    height: number | null;
  };

/** A request for one of the operations. */
export type GenerationRequest = Text2imgRequest | Img2imgRequest;
