/**
 * What every endpoint works with, and what it is asked.
 */

import { systemClock, type Clock } from '../jobs/clock.ts';
import type { JobQueue } from '../jobs/job-queue.ts';
import { StepTimes } from '../jobs/step-times.ts';
import type { Artist, ArtistOptions } from './artist.ts';
import type { Library } from './library/library.ts';
import { LoadLog } from './load-log.ts';
import type { ModelRegistry } from './model-registry.ts';
import { RepetitionFilter } from './repetition-filter.ts';
import type { OutputLinks } from './outputs.ts';
import { DEFAULT_LIMITS, type Limits } from './schema/fields.ts';
import type { ApiVersion } from './schema/versions.ts';
import type { Upstream } from './upstream.ts';

/** What whoever runs the API may choose. */
export type Settings = {
  /** Seconds that a generation may take before the reply is `processing`. Default 20. */
  readonly waitSeconds: number;
  /** How much one request may ask for. */
  readonly limits: Limits;
  /** With `base64`: whether a reply names a file that holds the text, or holds the text itself. Default `file`. */
  readonly base64Form: 'file' | 'inline';
  /** Whether a request that repeats another one within 30 seconds is refused. Default no. */
  readonly refusesRepetition: boolean;
  /** Most bytes of a request's body. Default 32 MiB. */
  readonly maxBodyBytes: number;
  /** Most bytes of an uploaded image. Default 5 MiB. */
  readonly maxUploadBytes: number;
};

/** Everything behind the API. */
export type ApiContext = {
  readonly artist: Artist;
  readonly models: ModelRegistry;
  /** What adds to the models and takes away; undefined: they stay as they are. */
  readonly library?: Library | undefined;
  /** What became of loads that were asked for. */
  readonly loads: LoadLog;
  readonly queue: JobQueue;
  readonly links: OutputLinks;
  readonly stepTimes: StepTimes;
  readonly repetitions: RepetitionFilter;
  readonly clock: Clock;
  readonly settings: Settings;
  /** Other servers, for requests that say `loadbalancer: "yes"` and no others. Default none. */
  readonly upstreams: readonly Upstream[];
  /** Gets images from addresses and calls webhooks. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Takes errors that were not foreseen: their words are for whoever runs the API, not for its clients. */
  readonly onError: (error: unknown) => void;
};

/** What to run the API with; all but the first four has a default. */
export type ApiOptions = Pick<ApiContext, 'artist' | 'models' | 'queue' | 'links'> &
  Partial<
    Pick<ApiContext, 'library' | 'stepTimes' | 'clock' | 'upstreams' | 'fetch' | 'onError'>
  > & {
    readonly settings?: Partial<Settings>;
  };

/** The settings where nothing else is chosen. */
const DEFAULT_SETTINGS: Settings = {
  waitSeconds: 20,
  limits: DEFAULT_LIMITS,
  base64Form: 'file',
  refusesRepetition: false,
  maxBodyBytes: 32 * 2 ** 20,
  maxUploadBytes: 5 * 2 ** 20,
};

/** A context from what is chosen and the defaults. */
export function apiContext({ settings, clock = systemClock, ...options }: ApiOptions): ApiContext {
  return {
    clock,
    loads: new LoadLog(),
    stepTimes: new StepTimes(),
    repetitions: new RepetitionFilter(clock),
    upstreams: [],
    fetch: (url, init) => fetch(url, init),
    onError: report,
    ...options,
    settings: { ...DEFAULT_SETTINGS, ...settings },
  };
}

/** Where there is a console of a browser, it hears of the error; elsewhere whoever runs the API chooses. */
function report(error: unknown): void {
  if ('reportError' in globalThis) reportError(error);
}

/** A request to an endpoint, however it came. */
export type Call = {
  /** Whose habits apply. */
  readonly version: ApiVersion;
  /** The fields, by name, as they were sent. */
  readonly body: unknown;
  /** The number behind the path, if there is one. */
  readonly pathId?: string | undefined;
  /** Scheme and host that the request came to, such as `https://example.com`. */
  readonly origin: string;
  /** Seconds to wait for a picture. Default {@link Settings.waitSeconds}. */
  readonly waitSeconds?: number | undefined;
} & ArtistOptions;

/** Answers a call with the reply's JSON. */
export type Endpoint = (call: Call, context: ApiContext) => Promise<unknown>;
