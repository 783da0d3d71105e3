/**
 * Servers for the tests: with an artist that draws grey, and plain ones that count what comes.
 */

import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

import type { Artist, DrawTask } from '../../../src/api/artist.ts';
import { ModelRegistry } from '../../../src/api/model-registry.ts';
import type { Listening } from '../../../src/doors/node-listen.ts';
import { serve, type ServeOptions } from '../../../src/doors/node-serve.ts';
import { blankPicture } from '../../../src/image/picture.ts';
import { encodePng } from '../../../src/image/png.ts';

/** A reply's JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** A server of the API, with what it was told to draw and what it told its owner. */
export type GreyServer = Listening & { readonly drawn: DrawTask[]; readonly logged: string[] };

/** What a request to a server got. */
export type Got = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly bytes: Buffer<ArrayBuffer>;
  readonly text: string;
};

/** A server that ends with its test. `draw` may take longer or fail. */
export async function greyServer({
  draw = () => Promise.resolve(),
  ...options
}: Partial<ServeOptions> & { draw?: () => Promise<void> } = {}): Promise<GreyServer> {
  const drawn: DrawTask[] = [];
  const logged: string[] = [];
  const artist: Artist = {
    draw: async (_, task) => {
      drawn.push(task);
      await draw();
      return [blankPicture(task.generate.width, task.generate.height, 3)];
    },
    enlarge: ({ picture }) => Promise.resolve(picture),
    open: () => Promise.resolve(),
    clear: () => Promise.resolve(),
    restart: () => Promise.resolve(),
  };
  const source = { kind: 'folder', url: 'https://example.com/grey' } as const;
  const entry = { id: 'grey', name: 'Grey', source, nativeSize: 64, licence: 'none' };
  const serving = await serve({
    artist,
    models: new ModelRegistry([entry], { defaultModel: 'grey' }),
    port: 0,
    log: (text) => logged.push(text),
    ...options,
  });
  onTestFinished(() => serving.close());
  return { ...serving, drawn, logged };
}

/** A server that answers each path with what `answers` says, or with a picture; `seen` are the paths it was asked. */
export async function plainServer(
  answers: Readonly<Record<string, { status: number; location?: string; body?: Uint8Array }>> = {},
): Promise<{ readonly url: string; readonly seen: string[] }> {
  const seen: string[] = [];
  const png = await encodePng(blankPicture(64, 64, 3));
  const server = createServer(({ url: path = '' }, response) => {
    seen.push(path);
    const { status, location, body = png } = answers[path] ?? { status: 200 };
    response.writeHead(status, location === undefined ? {} : { location });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, seen };
}

/** The address of a port where nothing listens. */
export async function deadAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** POSTs a body to a path below `/api/` and reads the reply. */
export async function posted(
  { url }: Pick<Listening, 'url'>,
  path: string,
  body: unknown,
): Promise<Json> {
  const response = await fetch(`${url}/api/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  return (await response.json()) as Json;
}

/** Sends what `fetch` would not: any Host, Origin, method or target. */
export function sent(
  { url }: Pick<Listening, 'url'>,
  {
    path = '/api/v3/system_load',
    method = 'POST',
    headers = {},
    body = '{}',
  }: { path?: string; method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Got> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, path, method, headers, agent: false },
      (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part: Buffer) => parts.push(part));
        reply.on('end', () => {
          const bytes = Buffer.concat(parts);
          const { statusCode: status = 0, headers: got } = reply;
          resolve({ status, headers: got, bytes, text: bytes.toString() });
        });
      },
    );
    request.on('error', reject);
    request.end(method === 'POST' ? body : undefined);
  });
}
