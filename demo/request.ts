/**
 * What the form asks for, put together: which of the API's operations, and the body for it.
 */

import type { Control } from './control.ts';
import type { Settings } from './settings.ts';
import type { StartImage } from './start-image.ts';

/** See the file's header. */
export type Asked = {
  readonly operation: 'textToImage' | 'imageToImage' | 'inpaint' | 'controlnet';
  readonly body: Readonly<Record<string, unknown>>;
};

/** The request that the form holds now. */
export async function requestOf({
  settings,
  startImage,
  control,
}: {
  readonly settings: Settings;
  readonly startImage: StartImage;
  readonly control: Control;
}): Promise<Asked> {
  const image = await startImage.fields();
  const strength = 'init_image' in image ? { strength: settings.strength } : {};
  const body = { ...settings.body(), ...image, ...strength };
  const controlled = await control.fields();
  if (controlled !== undefined) {
    const { fit } = startImage;
    return { operation: 'controlnet', body: { ...body, fit, ...controlled } };
  }
  if ('mask_image' in image) return { operation: 'inpaint', body };
  return { operation: 'init_image' in image ? 'imageToImage' : 'textToImage', body };
}
