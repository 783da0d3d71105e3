/**
 * A web server with tiny models on it: a hub with the repositories tiny/sd15 and tiny/onnx, and single files at its top.
 * Everything is from test/goldens but what a test adds.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { GOLDENS } from './goldens.ts';

/** The files of tiny/sd15. */
export const REPOSITORY_FILES: readonly string[] = [
  'model_index.json',
  'scheduler/scheduler_config.json',
  'text_encoder/config.json',
  'text_encoder/model.safetensors',
  'tokenizer/tokenizer.json',
  'tokenizer/tokenizer_config.json',
  'unet/config.json',
  'unet/diffusion_pytorch_model.safetensors',
  'vae/config.json',
  'vae/diffusion_pytorch_model.safetensors',
];

/** The files of tiny/onnx, as exporters write them; the first two are not needed. */
export const EXPORTED_FILES: readonly string[] = [
  'tokenizer/merges.txt',
  'tokenizer/vocab.json',
  'model_index.json',
  'scheduler/scheduler_config.json',
  'text_encoder/model.onnx',
  'tokenizer/tokenizer.json',
  'tokenizer/tokenizer_config.json',
  'unet/model.onnx',
  'vae_decoder/model.onnx',
  'vae_encoder/model.onnx',
];

/** Folders of the goldens by the repository that they are, and their files. */
const REPOSITORIES: Readonly<Record<string, readonly [folder: string, files: readonly string[]]>> =
  {
    'tiny/sd15': ['tiny-sd15', REPOSITORY_FILES],
    'tiny/onnx': ['tiny-sd15-onnx', EXPORTED_FILES],
  };

/** See the file's header. */
export class ModelServer {
  /** Paths that were asked for, in order. */
  readonly asked: string[] = [];
  /** Further files by their names at the server's top. */
  readonly files = new Map<string, Uint8Array>();
  /** Bytes after which every connection ends; undefined: none does. */
  dropsAfter: number | undefined;
  /** Graphs are sent only once so many of them were asked for; default one. */
  graphsAtOnce = 1;
  readonly #waiting: (() => void)[] = [];
  readonly #server: Server;
  #origin = '';

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = decodeURIComponent(request.url ?? '');
      this.asked.push(path);
      response.setHeader('access-control-allow-origin', '*');
      void this.#content(path).then(
        (bytes) => {
          const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
          const end = Math.min(bytes.length, from + (this.dropsAfter ?? Infinity));
          response.writeHead(from > 0 ? 206 : 200, {
            'content-length': bytes.length - from,
            etag: '"1"',
            ...(from > 0
              ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
              : {}),
          });
          response.write(bytes.subarray(from, end), () =>
            end < bytes.length ? response.destroy() : response.end(),
          );
        },
        () => response.writeHead(404).end(),
      );
    });
  }

  /** Starts on a free port of this machine. */
  static async start(): Promise<ModelServer> {
    const server = new ModelServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.#origin = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    return server;
  }

  /** Scheme, host and port. */
  get origin(): string {
    return this.#origin;
  }

  /** Ends all connections and the server. */
  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #content(path: string): Promise<Uint8Array> {
    const name = path.slice(1).replace(/\?.*$/, '');
    const own = this.files.get(name);
    if (own !== undefined) return own;
    const listed = /^\/api\/models\/(.+)\/tree\/main\?recursive=true$/.exec(path)?.[1];
    if (listed !== undefined) return list(listed);
    const [, repository = '', file = ''] = /^(.+)\/resolve\/main\/(.+)$/.exec(name) ?? [];
    const [folder = '', files = []] = REPOSITORIES[repository] ?? [];
    if (!files.includes(file)) return readFile(join(GOLDENS, name));
    if (file.endsWith('.onnx')) await this.#gathered();
    return readFile(join(GOLDENS, folder, file));
  }

  /** Waits until enough wait. */
  async #gathered(): Promise<void> {
    const turn = new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#waiting.length >= this.graphsAtOnce)
      for (const resolve of this.#waiting.splice(0)) resolve();
    await turn;
  }
}

async function list(repository: string): Promise<Uint8Array> {
  const [folder = '', files = []] = REPOSITORIES[repository] ?? [];
  const entries = files.map(async (file) => {
    const bytes = await readFile(join(GOLDENS, folder, file));
    const oid = createHash('sha256').update(bytes).digest('hex');
    const lfs = /\.(safetensors|onnx)$/.test(file) ? { lfs: { oid } } : {};
    return { type: 'file', path: file, size: bytes.length, ...lfs };
  });
  return new TextEncoder().encode(JSON.stringify(await Promise.all(entries)));
}
