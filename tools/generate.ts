/**
 * The command behind `npm run generate`: draws with the embedded model in Node and prints the API's reply.
 */

import { readFile, stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { Client, type RequestCallOptions } from '../src/api/client.ts';
import { EntryFiles } from '../src/engine/entry-files.ts';
import { Engine } from '../src/engine/engine.ts';
import { shippedManifest } from '../src/models/manifest.ts';
import { describeReport } from '../src/runtime/report.ts';

const USAGE =
  'npm run generate -- --prompt TEXT [--out FILE.png] | --request BODY.json [--out FILE.png] [--model FILE|FOLDER|ADDRESS] [--backend auto|webgpu|wasm] [--weight-bits auto|16|8|4]';

/** Good settings of the embedded model, for a prompt alone. */
const DEFAULTS = {
  width: 64,
  height: 64,
  guidance_scale: 4,
  num_inference_steps: 20,
  scheduler: 'DDIMScheduler',
};

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      prompt: { type: 'string' },
      request: { type: 'string' },
      model: { type: 'string' },
      out: { type: 'string', default: 'out.png' },
      backend: { type: 'string', default: 'auto' },
      'weight-bits': { type: 'string', default: 'auto' },
      'allow-software': { type: 'boolean', default: false },
    },
  });
  const { prompt, request, out, backend } = values;
  if ((prompt === undefined) === (request === undefined)) throw new Error(`usage: ${USAGE}`);
  if (backend !== 'auto' && backend !== 'webgpu' && backend !== 'wasm') {
    throw new Error(`--backend must be auto, webgpu or wasm, got ${backend}`);
  }
  const bits = values['weight-bits'];
  const weightBits = (['auto', 16, 8, 4] as const).find((each) => String(each) === bits);
  if (weightBits === undefined) {
    throw new Error(`--weight-bits must be auto, 16, 8 or 4, got ${bits}`);
  }
  const asked = (
    request === undefined ? { ...DEFAULTS, prompt } : JSON.parse(await readFile(request, 'utf8'))
  ) as object;

  const client = new Client(
    () => Engine.start({ backend, weightBits, allowSoftware: values['allow-software'] }),
    shippedManifest(),
    async (png, name) => {
      const index = Number(/-(\d+)\.png$/.exec(name)?.[1] ?? 0);
      const path = index === 0 ? out : out.replace(/(\.\w+)?$/, `-${index + 1}$1`);
      await writeFile(path, png);
      return path;
    },
    { files: async () => new EntryFiles() },
  );
  const body = values.model === undefined ? asked : await withModel(asked, values.model, client);
  console.error(describeReport(await client.report()));
  const options: RequestCallOptions = {
    onProgress: ({ phase, step, steps }) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${phase} ${step}/${steps}   `);
    },
  };
  const reply = hasInitImage(body)
    ? await client.imageToImage(body, options)
    : await client.textToImage(body, options);
  if (process.stderr.isTTY) process.stderr.write('\n');
  console.log(JSON.stringify(reply, undefined, 2));
  await client.dispose();
  return reply.status === 'success' ? 0 : 1;
}

/** The request for a model at a path, at an address, or in a hub's repository by owner and name where no such path is. */
async function withModel(body: object, model: string, { library }: Client): Promise<object> {
  const stats = URL.canParse(model) ? undefined : await stat(model).catch(() => undefined);
  const path = stats?.isDirectory() === true ? `${resolve(model)}/` : resolve(model);
  const { id } = await library.add(stats === undefined ? model : pathToFileURL(path).href);
  return { ...body, model_id: id };
}

function hasInitImage(body: unknown): boolean {
  return (
    typeof body === 'object' && body !== null && 'init_image' in body && body.init_image !== null
  );
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  },
);
