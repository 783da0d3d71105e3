/**
 * The command behind `npm run serve`: the engine and the API's server, until it is told to end.
 *
 * Standard output gets the server's address once it is ready, and nothing else; what draws, and what went wrong, goes to
 * standard error. docs/serve.md explains the options.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { EngineArtist, type DrawingEngine } from '../src/api/engine-artist.ts';
import { Library } from '../src/api/library/library.ts';
import { nodeRecords } from '../src/api/library/node-records.ts';
import { ModelRegistry } from '../src/api/model-registry.ts';
import type { Upstream } from '../src/api/upstream.ts';
import { publicFetch } from '../src/doors/node-public-fetch.ts';
import { serve } from '../src/doors/node-serve.ts';
import { openUserStore, userFolder } from '../src/downloads/node-user-store.ts';
import { EntryFiles } from '../src/engine/entry-files.ts';
import { parseManifest, shippedManifest, type Manifest } from '../src/models/manifest.ts';
import { describeReport } from '../src/runtime/report.ts';
import { startBrowserEngine } from './serve/browser-engine.ts';
import { startThreadEngine } from './serve/thread-engine.ts';

const BACKENDS = ['auto', 'webgpu', 'wasm'] as const;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      key: { type: 'string' },
      'allow-host': { type: 'string', multiple: true, default: [] },
      origin: { type: 'string', multiple: true, default: [] },
      'allow-private': { type: 'boolean', default: false },
      upstream: { type: 'string', multiple: true, default: [] },
      backend: { type: 'string', default: 'auto' },
      browser: { type: 'boolean', default: false },
      'allow-software': { type: 'boolean', default: false },
      memory: { type: 'string' },
      manifest: { type: 'string' },
      'any-model': { type: 'string' },
    },
  });
  const port = portOf(values.port);
  const upstreams = values.upstream.map(upstreamOf);
  const backend = BACKENDS.find((name) => name === values.backend);
  if (backend === undefined) {
    throw new Error(`--backend must be one of ${BACKENDS.join(', ')}, got ${values.backend}`);
  }
  const manifest = await manifestOf(values.manifest);
  const allowSoftware = values['allow-software'];
  const memoryBytes = values.memory === undefined ? undefined : bytesOf(values.memory);
  const log = (text: string): void => console.error(text);
  const start = (): Promise<DrawingEngine> => {
    if (!values.browser) return startThreadEngine({ backend, allowSoftware, memoryBytes });
    // Whoever asks for the browser asks for its GPU.
    const chosen = backend === 'auto' ? 'webgpu' : backend;
    const onGone = (): void => {
      log('The browser ended; the next request starts another.');
      void artist.restart();
    };
    return startBrowserEngine({ backend: chosen, allowSoftware, memoryBytes, onGone, log });
  };
  const models = new ModelRegistry(manifest.models, {
    defaultModel: manifest.default,
    anyModel: values['any-model'] ?? manifest['*'] ?? null,
    adjunctEntries: manifest.adjuncts ?? [],
  });
  const allowsPrivate = values['allow-private'];
  // A browser's engine keeps its files itself, where this program does not reach.
  const close = (id: string): Promise<void> => artist.close(id);
  const library = values.browser ? undefined : libraryOf(manifest, models, allowsPrivate, close);
  const artist: EngineArtist = new EngineArtist(
    start,
    manifest.models,
    library && ((wanted, options) => library.prepare(wanted, options)),
  );
  // Started now, so that what is wrong is said now.
  log(describeReport(await artist.report()));
  const { key } = values;
  const serving = await serve({
    artist,
    models,
    library,
    port,
    host: values.host,
    ...(key === undefined ? {} : { key }),
    hosts: values['allow-host'],
    origins: values.origin,
    allowsPrivate,
    upstreams,
    log,
  });
  const end = (): void => {
    serving
      .close()
      .then(() => artist.restart())
      // What cannot be let go of goes with the process.
      .catch((error: unknown) => log(`While ending: ${String(error)}`))
      .finally(() => process.exit(0));
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  console.log(serving.url);
}

/** Gigabytes as the command line has them. */
function bytesOf(memory: string): number {
  const gigabytes = Number(memory);
  if (gigabytes > 0 && Number.isFinite(gigabytes)) return gigabytes * 1e9;
  throw new Error(`--memory must be a number of gigabytes above 0, got ${memory}`);
}

/** The user's library; what requests ask it to load lies on the public web, or where the manifest has things. */
function libraryOf(
  manifest: Manifest,
  models: ModelRegistry,
  allowsPrivate: boolean,
  close: (id: string) => Promise<void>,
): Library {
  const sources = [...manifest.models, ...(manifest.adjuncts ?? [])].map(({ source }) => source);
  const known = sources.flatMap((source) =>
    source.kind === 'file' ? [source.url] : source.kind === 'hub' ? (source.hub ?? []) : [],
  );
  const trusted = new Set(
    known.filter((each) => URL.canParse(each)).map((each) => new URL(each).origin),
  );
  const isTrusted = ({ origin }: URL): boolean => trusted.has(origin);
  const fetch = publicFetch({ allowsPrivate, isTrusted, maxBytes: undefined });
  const store = openUserStore({ fetch });
  return new Library({
    manifest,
    models,
    files: async () => new EntryFiles(async () => store),
    records: nodeRecords(join(userFolder(), 'library.json')),
    close,
  });
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new Error(`--port must be a number from 0 to 65535, got ${text}`);
}

/** `URL` or `URL,KEY`; the address may end in `/api`, as the cloud's is often written. */
function upstreamOf(text: string): Upstream {
  const comma = text.indexOf(',');
  const address = comma < 0 ? text : text.slice(0, comma);
  if (!URL.canParse(address) || !/^https?:/.test(address)) {
    throw new Error(`--upstream must be an http or https address, with ,KEY behind it: ${address}`);
  }
  const url = address.replace(/(?:\/api)?\/*$/, '');
  return comma < 0 ? { url } : { url, key: text.slice(comma + 1) };
}

async function manifestOf(path: string | undefined): Promise<Manifest> {
  if (path === undefined) return shippedManifest();
  return parseManifest(JSON.parse(await readFile(path, 'utf8')));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
