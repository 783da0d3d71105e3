/**
 * The paths below `/api/`: the documented ones, and those that only SDKs and navigation pages know.
 */

import type { ApiVersion } from './schema/versions.ts';

/** Names of endpoints, by what they do. */
export type EndpointName =
  | ('text2img' | 'img2img' | 'inpaint' | 'controlnet' | 'super_resolution' | 'fetch' | 'cancel')
  | ('model_reload' | 'model_list' | 'get_all_models' | 'verify_model' | 'delete_model')
  | ('load_model' | 'load_vae' | 'sync_models' | 'schedulers_list' | 'finetune_list')
  | ('system_load' | 'system_details' | 'request_count' | 'restart_server' | 'update_server')
  | ('update_s3' | 'clear_cache' | 'clear_queue' | 'upload_image' | 'base64_crop')
  | ('base64_to_url' | 'delete_image' | 'nsfw_image_check' | 'text2video' | 'pix2pix')
  | ('depth2img' | 'interior' | 'outpaint' | 'removebg_mask' | 'account');

/** Where a path leads. */
export type Route = {
  readonly endpoint: EndpointName;
  readonly version: ApiVersion;
  /** The number behind the path, if there is one. */
  readonly id?: string;
};

/** Path by path: `*` stands for the names that follow, `=` gives an endpoint of another name. */
type Paths = Readonly<Record<string, string>>;

const GENERATIONS = 'text2img img2img inpaint';
const SERVER =
  'system_details restart_server update_server update=update_server update_s3 clear_cache clear_queue';
const ENTERPRISE = `${GENERATIONS} controlnet super_resolution text2video fetch fetch_queue_image=fetch
  ${SERVER} schedulers_list load_model load_model_v2=load_model verify_model get_all_models delete_model
  upload_image sync_models sync_image=sync_models load_vae nsfw_image_check`;

const PATHS: readonly [ApiVersion, Paths][] = [
  [
    'v3',
    {
      'v3/*': `${GENERATIONS} fetch system_load super_resolution base64_crop delete_image nsfw_image_check
        load_model finetune_list buy_subscription=account cancel_subscription=account
        dreambooth/buy_model=account`,
    },
  ],
  ['v3/dreambooth', { 'v3/*': 'dreambooth=text2img', 'v3/dreambooth/*': 'img2img inpaint fetch' }],
  [
    'v4',
    {
      'v4/*': 'dreambooth=text2img',
      'v4/dreambooth/*': `${GENERATIONS} fetch model_reload model_list text2video`,
    },
  ],
  [
    'v5',
    {
      'v5/*': `controlnet super_resolution text2video outpaint pix2pix depth2img interior removebg_mask
        clear_cache fetch`,
    },
  ],
  [
    'v6',
    {
      'v6/images/*': `${GENERATIONS} controlnet fetch model_reload`,
      'v6/image_editing/*': 'super_resolution inpaint fetch base64_to_url',
      'v6/*': 'base64_to_url processing/request_count=request_count',
      'v7/images/*': 'text-to-image=text2img image-to-image=img2img inpaint fetch',
    },
  ],
  ['realtime', { 'v6/realtime/*': `${GENERATIONS} fetch` }],
  [
    'enterprise',
    {
      'v1/enterprise/*': ENTERPRISE,
      'v1/enterprise/images/*': ENTERPRISE,
      'v1/enterprise/community/*': ENTERPRISE,
    },
  ],
  ['realtime', { 'v1/enterprise/realtime/*': `${GENERATIONS} fetch` }],
];

/** Every path and where it leads, without the numbers that fetch paths may end in. */
export const ROUTES: ReadonlyMap<string, Route> = new Map(
  PATHS.flatMap(([version, paths]) =>
    Object.entries(paths).flatMap(([pattern, names]) =>
      names
        .trim()
        .split(/\s+/)
        .flatMap((each) => {
          const [name = '', endpoint = name] = each.split('=');
          const path = pattern.replace('*', name);
          const route: Route = { endpoint: endpoint as EndpointName, version };
          // Wherever jobs are fetched they can be cancelled.
          const cancel: Route = { endpoint: 'cancel', version };
          return endpoint === 'fetch'
            ? ([
                [path, route],
                [path.replace(/\w+$/, 'cancel'), cancel],
              ] as const)
            : ([[path, route]] as const);
        }),
    ),
  ),
);

/** Where a path leads, with or without `/api/` in front; undefined when nowhere. */
export function routeOf(path: string): Route | undefined {
  const steps = path.split('/').filter((step) => step !== '');
  if (steps[0] === 'api') steps.shift();
  const route = ROUTES.get(steps.join('/'));
  if (route !== undefined) return route;
  const id = steps.pop();
  const parent = ROUTES.get(steps.join('/'));
  const takesId = parent?.endpoint === 'fetch' || parent?.endpoint === 'cancel';
  return takesId && id !== undefined ? { ...parent, id } : undefined;
}
