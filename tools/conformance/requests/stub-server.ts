/**
 * The API over an artist that draws grey, with what a recorded call wants to be there.
 */

import type { Artist, DrawTask, EnlargeTask } from '../../../src/api/artist.ts';
import { apiContext, type Settings } from '../../../src/api/context.ts';
import { createHandler } from '../../../src/api/handler.ts';
import { withCors, type Handle } from '../../../src/api/http/cors.ts';
import { ModelRegistry } from '../../../src/api/model-registry.ts';
import { servedLinks } from '../../../src/api/outputs.ts';
import { FEATURES, type FeatureName, type Support } from '../../../src/api/schema/features.ts';
import { DEFAULT_UPSCALER } from '../../../src/api/schema/tool-fields.ts';
import { blankPicture, type Picture } from '../../../src/image/picture.ts';
import { encodePng } from '../../../src/image/png.ts';
import { systemClock, type Clock } from '../../../src/jobs/clock.ts';
import { JobQueue } from '../../../src/jobs/job-queue.ts';
import { memoryStorage } from '../../../src/jobs/memory-storage.ts';
import type { JobStorage } from '../../../src/jobs/storage.ts';
import type { ModelEntry } from '../../../src/models/manifest.ts';
import type { Fixtures } from './request-case.ts';

/** What the API told those outside of it. */
export type StubServer = {
  readonly handle: Handle;
  readonly drawn: { readonly modelId: string; readonly task: DrawTask }[];
  readonly enlarged: EnlargeTask[];
  /** Requests that it sent, but for the images of the fixtures. */
  readonly sent: { readonly url: string; readonly body: unknown }[];
  readonly queue: JobQueue;
};

/** What a test wants otherwise than the recorded calls do. */
export type StubOptions = {
  readonly support?: Partial<Record<FeatureName, Support>>;
  readonly settings?: Partial<Settings>;
  readonly artist?: Partial<Artist>;
  readonly clock?: Clock;
  readonly anyModel?: string | null;
} & Partial<
  Pick<
    ModelEntry,
    'aliases' | 'defaults' | 'instancePrompt' | 'isNativeOnly' | 'nativeSize' | 'upscaler'
  >
>;

/** Everything can be drawn, and nothing is handed to other servers. */
const ALL_READY = Object.fromEntries(
  Object.keys(FEATURES).map((name) => [name, name === 'loadbalancer' ? 'optional' : 'ready']),
) as Record<FeatureName, Support>;

/** A server with `fixtures`. */
export async function startStubServer(
  fixtures: Fixtures = {},
  {
    support = ALL_READY,
    settings = {},
    artist = {},
    clock = systemClock,
    anyModel = null,
    ...about
  }: StubOptions = {},
): Promise<StubServer> {
  const { models = [], default_model: byDefault, images = {}, jobs = [], keys } = fixtures;
  const known = byDefault === undefined && models.length === 0 ? ['default'] : models;
  const queue = new JobQueue({
    clock,
    storage: withIds(
      memoryStorage(),
      jobs.map(({ id }) => id),
    ),
  });
  for (const job of jobs) await addJob(queue, job);
  const drawn: { modelId: string; task: DrawTask }[] = [];
  const enlarged: EnlargeTask[] = [];
  const sent: { url: string; body: unknown }[] = [];
  const context = apiContext({
    artist: { ...greyArtist(drawn, enlarged, support), ...artist },
    models: new ModelRegistry(
      known.map((id) => ({ ...entryOf(id), ...about })),
      {
        anyModel,
        defaultModel: byDefault === undefined ? (known[0] ?? null) : byDefault,
        adjuncts: {
          lora: fixtures.loras ?? [],
          embedding: fixtures.embeddings ?? [],
          vae: fixtures.vaes ?? [],
          controlnet: fixtures.controlnets ?? [],
          'ip-adapter': fixtures.ip_adapters ?? [],
          upscaler: fixtures.upscalers ?? [DEFAULT_UPSCALER],
        },
      },
    ),
    queue,
    clock,
    links: servedLinks(),
    settings,
    fetch: async (url, { body }) => {
      const size = images[url];
      if (size === undefined) {
        sent.push({ url, body: JSON.parse(typeof body === 'string' ? body : 'null') as unknown });
        return new Response(null, { status: body === undefined ? 404 : 200 });
      }
      const [width, height] = size;
      return new Response(await encodePng(blankPicture(width, height, 3)));
    },
  });
  const options = keys === undefined ? {} : { acceptsKey: (key: string) => keys.includes(key) };
  return { handle: withCors(createHandler(context, options)), drawn, enlarged, sent, queue };
}

function greyArtist(
  drawn: { modelId: string; task: DrawTask }[],
  enlarged: EnlargeTask[],
  support: Artist['support'] = {},
): Artist {
  const grey = (width: number, height: number): Picture => blankPicture(width, height, 3);
  const enlarge: Artist['enlarge'] = (task) => {
    enlarged.push(task);
    const { picture, scale } = task;
    return Promise.resolve(grey(picture.width * scale, picture.height * scale));
  };
  return {
    support,
    draw: ({ id: modelId }, task) => {
      drawn.push({ modelId, task });
      const { width, height, samples = 1 } = task.generate;
      return Promise.resolve(Array.from({ length: samples }, () => grey(width, height)));
    },
    enlarge,
    open: () => Promise.resolve(),
    clear: () => Promise.resolve(),
    restart: () => Promise.resolve(),
  };
}

/** A model that exists by name alone. */
function entryOf(id: string): ModelEntry {
  const source = { kind: 'folder', url: `https://example.com/${id}` } as const;
  return { id, name: id, source, nativeSize: 512, licence: 'none' };
}

/** `storage`, which gives these numbers first. */
function withIds(storage: JobStorage, ids: readonly number[]): JobStorage {
  const left = [...ids];
  return {
    ...storage,
    nextId: () => Promise.resolve(left.shift()).then((id) => id ?? storage.nextId()),
  };
}

async function addJob(
  queue: JobQueue,
  { state, output = [] }: NonNullable<Fixtures['jobs']>[number],
): Promise<void> {
  const names = output.map((url) => url.slice(url.lastIndexOf('/') + 1));
  const accepted = await queue.submit({
    note: {},
    estimate: () => 10,
    run: ({ signal }) =>
      state === 'done'
        ? Promise.resolve(names.map((name) => ({ name, blob: new Blob() })))
        : new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
          }),
  });
  if (state === 'done') await accepted?.ended;
}
