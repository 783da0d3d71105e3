/**
 * Endpoints that are known and cannot be served yet: an error that says so, instead of a path that does not exist.
 */

import { errorBody } from '../response.ts';
import type { EndpointName } from '../routes.ts';
import type { Endpoint } from '../context.ts';

/** Why an endpoint cannot be served, as a sentence. */
export const UNAVAILABLE = {
  text2video: 'Videos cannot be drawn here.',
  pix2pix: 'Pictures cannot be edited by instruction yet.',
  depth2img: 'Depth-guided drawing is not available yet.',
  interior: 'Interior design is not available yet.',
  outpaint: 'Outpainting is not available yet.',
  removebg_mask: 'Backgrounds cannot be removed yet.',
  nsfw_image_check: 'Pictures cannot be checked yet: the classifier is missing.',
  account:
    'There are no accounts and no subscriptions here: drawing on this machine costs nothing.',
} as const satisfies Partial<Record<EndpointName, string>>;

/** The endpoint that says why there is none. */
export function unavailable(name: keyof typeof UNAVAILABLE): Endpoint {
  return () => Promise.resolve(errorBody(UNAVAILABLE[name]));
}
