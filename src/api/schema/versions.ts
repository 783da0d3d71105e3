/**
 * How the versions of the API differ in reading a request and in writing a reply, as data.
 *
 * A version here is a family of paths below `/api/` with the same habits. What all have in common is
 * code; a difference belongs into this table.
 */

import {
  ENTERPRISE_META,
  REALTIME_META,
  V3_DREAMBOOTH_META,
  V3_META,
  V4_META,
  V6_META,
} from './meta-keys.ts';
import type { MetaKeys } from './meta-keys.ts';

/** A family of paths. `enterprise` covers `v1/enterprise`, its realtime paths excepted. */
export type ApiVersion = 'v3' | 'v3/dreambooth' | 'v4' | 'v5' | 'v6' | 'realtime' | 'enterprise';

/** What distinguishes a version. */
export type VersionTraits = {
  /** Whether a request names its model; the others use the default one unasked. */
  readonly namesModel: boolean;
  /** What the flags mean when they are absent that are documented as yes. */
  readonly usualFlag: boolean;
  /** Whose size an img2img picture has; with `init-image`, width and height are ignored. */
  readonly img2imgSize: 'request' | 'init-image';
  /** Which of the two names of the steps wins on inpainting when both are there. */
  readonly inpaintSteps: 'steps' | 'num_inference_steps';
  /** Largest weight of a ControlNet. */
  readonly maxConditioning: number;
  /** Which of the two texts `enhance_prompt` adds. */
  readonly enhancement: 'early' | 'late';
  /** Whether wrong fields are reported as a map from field to sentences, or as one sentence. */
  readonly fieldErrors: 'map' | 'sentence';
  /** The path below `/api/` of `fetch_result`; the id follows. */
  readonly fetchPath: string;
  /** What a reply says to those who have to wait. */
  readonly waitMessage: string;
  /** `generationTime` is rounded to this many decimals; undefined: not at all. */
  readonly timeDecimals: number | undefined;
  /** Whether `eta` is a whole number. */
  readonly wholeEta: boolean;
  /** Whether success bodies have `proxy_links`, `nsfw_content_detected` and `webhook_status`. */
  readonly hasLinksBesideMeta: boolean;
  /** Whether `meta.file_prefix` ends in the extension; then a picture's number stands before it, else behind. */
  readonly prefixHasExtension: boolean;
  /** The keys of `meta`, in the order of the documentation. */
  readonly meta: MetaKeys;
};

const WAIT_SECONDS = 'Try to fetch request after seconds estimated';
const WAIT_GIVEN = 'Try to fetch request after given estimated time';

/** What the versions of 2023 have in common, v4's values where they differ. */
const YEAR_2023 = {
  namesModel: true,
  usualFlag: true,
  img2imgSize: 'request',
  inpaintSteps: 'steps',
  maxConditioning: 5,
  enhancement: 'early',
  fieldErrors: 'map',
  fetchPath: 'v3/dreambooth/fetch',
  waitMessage: WAIT_SECONDS,
  timeDecimals: undefined,
  wholeEta: false,
  hasLinksBesideMeta: false,
  prefixHasExtension: false,
  meta: V4_META,
} as const satisfies VersionTraits;

/** What the later versions have in common, v6's values where they differ. */
const YEAR_2025 = {
  ...YEAR_2023,
  img2imgSize: 'init-image',
  enhancement: 'late',
  fetchPath: 'v6/images/fetch',
  timeDecimals: 2,
  hasLinksBesideMeta: true,
  prefixHasExtension: true,
  meta: V6_META,
} as const satisfies VersionTraits;

/** The traits of each version. */
export const VERSIONS: Readonly<Record<ApiVersion, VersionTraits>> = {
  v3: {
    ...YEAR_2023,
    namesModel: false,
    inpaintSteps: 'num_inference_steps',
    fetchPath: 'v3/fetch',
    waitMessage: WAIT_GIVEN,
    meta: V3_META,
  },
  'v3/dreambooth': { ...YEAR_2023, waitMessage: WAIT_GIVEN, meta: V3_DREAMBOOTH_META },
  v4: YEAR_2023,
  v5: { ...YEAR_2025, fetchPath: 'v3/fetch' },
  v6: YEAR_2025,
  realtime: {
    ...YEAR_2025,
    namesModel: false,
    usualFlag: false,
    img2imgSize: 'request',
    fieldErrors: 'sentence',
    fetchPath: 'v6/realtime/fetch',
    wholeEta: true,
    meta: REALTIME_META,
  },
  enterprise: {
    ...YEAR_2023,
    inpaintSteps: 'num_inference_steps',
    maxConditioning: 20,
    fetchPath: 'v1/enterprise/fetch',
    meta: ENTERPRISE_META,
  },
};
