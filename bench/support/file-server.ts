/**
 * A file server on this machine, as a hub serves models: ranges, an ETag, and any page may read.
 */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { pipeline } from 'node:stream';

/** A running server. */
export type FileServer = {
  /** Address of the folder, with a slash at the end. */
  readonly url: string;
  /** Bytes of files sent so far. */
  readonly bytesSent: () => number;
  readonly close: () => void;
};

/** Serves the files of a folder. */
export async function serveFolder(folder: string): Promise<FileServer> {
  let sent = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Allow-Headers', '*');
    response.setHeader('Access-Control-Expose-Headers', '*');
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = join(folder, normalize(decodeURIComponent(pathname)));
    const found = await stat(path).catch(() => undefined);
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    if (found === undefined || !found.isFile()) return void response.writeHead(404).end();
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = Number(range?.[1] ?? 0);
    const end = range?.[2] ? Number(range[2]) + 1 : found.size;
    response.setHeader('Accept-Ranges', 'bytes');
    response.setHeader('ETag', `"${found.size}-${found.mtimeMs}"`);
    response.setHeader('Content-Length', end - start);
    if (range !== null)
      response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${found.size}`);
    response.writeHead(range === null ? 200 : 206);
    if (request.method === 'HEAD') return void response.end();
    const stream = createReadStream(path, { start, end: end - 1 });
    stream.on('data', (chunk) => (sent += chunk.length));
    // Whoever hangs up is sent no more.
    pipeline(stream, response, () => undefined);
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    bytesSent: () => sent,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
