/**
 * `npm run bench -- upscalers --backend wasm`: what Real-ESRGAN's networks of full size cost: the tiles and the memory that are
 * planned for a picture, the time of a tile on wasm, and how far the edge of a tile is seen. Weights come from a formula, but for those of the upscaler that is part of the package.
 */

import { readFile } from 'node:fs/promises';
import process from 'node:process';

import { croppedPicture } from '../src/image/mask.ts';
import { planesFromPicture } from '../src/image/picture.ts';
import { decodePng } from '../src/image/png-decoder.ts';
import { FootprintPlanner } from '../src/models/footprint.ts';
import { shippedManifest } from '../src/models/manifest.ts';
import { openUpscaler } from '../src/models/open-adjunct.ts';
import { Upscaler } from '../src/models/upscaler.ts';
import { upscalerScale, type UpscalerConfig } from '../src/networks/upscaler-config.ts';
import { upscalerGraph } from '../src/networks/upscaler.ts';
import type { Runtime } from '../src/runtime/runtime.ts';
import { startRuntime } from '../src/runtime/start.ts';
import { hostTensor, type HostTensor } from '../src/tensor/host-tensor.ts';
import { assumedCheckpoint } from '../src/weights/assumed-checkpoint.ts';
import { MACHINES } from '../test/support/machines.ts';
import {
  generatedArray,
  generatedCheckpoint,
  type GeneratedTensors,
} from '../tools/goldens/formula.ts';
import { markdownTable } from './support/table.ts';

const rrdb = { kind: 'rrdb', features: 64, growth: 32 } as const;
const NETWORKS: Readonly<Record<string, UpscalerConfig>> = {
  'realesr-general-x4v3': { kind: 'compact', features: 64, convolutions: 34, scale: 4 },
  RealESRGAN_x4plus_anime_6B: { ...rrdb, blocks: 6, unshuffle: 1 },
  RealESRGAN_x4plus: { ...rrdb, blocks: 23, unshuffle: 1 },
  RealESRGAN_x2plus: { ...rrdb, blocks: 23, unshuffle: 2 },
};
const PICTURE = 512;
const TIMED = ['realesr-general-x4v3', 'RealESRGAN_x4plus'] as const;
const MARGINS = [0, 2, 4, 6, 8, 10, 12, 16];

const mebi = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** Weights of the network's own shapes, with which activations neither grow nor vanish. */
async function generated(name: string, config: UpscalerConfig) {
  const imagined = assumedCheckpoint(name);
  upscalerGraph(config, imagined, { spelling: 'portable', dtype: 'float32' });
  const tensors: GeneratedTensors = Object.fromEntries(
    [...imagined.tensors].map(([tensor, { shape }]) => {
      const [, input = 0] = shape;
      // The formula's numbers have the deviation 147.
      const e = input === 0 ? 12 : Math.round(Math.log2(147 * Math.sqrt(9 * input)));
      return [tensor, [shape, 0, e]];
    }),
  );
  return generatedCheckpoint('upscalers', name, tensors);
}

function image(height: number, width: number): HostTensor {
  const noise = generatedArray('upscalers/image', 3 * height * width, 9);
  return hostTensor(
    noise.map((value) => value + 0.5),
    [1, 3, height, width],
  );
}

/** The left part of a picture. */
function leftOf({ dims, data }: HostTensor, width: number): HostTensor {
  const [, channels = 3, height = 1, whole = 1] = dims;
  const rows = Array.from({ length: channels * height }, (_, y) =>
    data.subarray(y * whole, y * whole + width),
  );
  return hostTensor(Float32Array.from(rows.flatMap((row) => [...row])), [
    1,
    channels,
    height,
    width,
  ]);
}

function planRows(): string[][] {
  return Object.entries(NETWORKS).flatMap(([name, config]) =>
    (['8 GB', 'wasm'] as const).map((machine) => {
      const planner = new FootprintPlanner(MACHINES[machine]);
      const { tile, tiles } = planner.enlarging(config, { width: PICTURE, height: PICTURE });
      const { weightBytes, workBytes, flops } = tile;
      const work = ((flops * tiles.count) / 1e12).toFixed(2);
      const cut = `${tiles.count} of ${tiles.width}`;
      return [name, machine, cut, mebi(weightBytes), mebi(workBytes), work];
    }),
  );
}

async function secondsOf(upscaler: Upscaler, edge: number): Promise<number> {
  const picture = image(edge, edge);
  await upscaler.run(picture);
  const began = performance.now();
  await upscaler.run(picture);
  return (performance.now() - began) / 1000;
}

/** The middle of a picture that the embedded model drew, enlarged once: edges as drawings have them. */
async function drawnImage(upscaler: Upscaler): Promise<HostTensor> {
  const folder = new URL('../demo/examples/emoji-64/', import.meta.url);
  const drawn = await decodePng(await readFile(new URL('a-crying-face.png', folder)));
  const box = { left: 20, top: 60, right: 180, bottom: 108 };
  const middle = croppedPicture(await upscaler.enlarge(drawn), box);
  const planes = planesFromPicture(middle).map((value) => (value + 1) / 2);
  return hostTensor(planes, [1, 3, middle.height, middle.width]);
}

/** Largest difference, in 255ths of the picture's range, that is left where so many pixels are thrown away at a cut. */
async function seams(upscaler: Upscaler, picture: HostTensor): Promise<string[]> {
  const { scale } = upscaler;
  const [, , , width = 1] = picture.dims;
  const cut = Math.round(width * 0.6);
  const whole = await upscaler.run(picture);
  const part = await upscaler.run(leftOf(picture, cut));
  const [, , high = 1, wide = 1] = part.dims;
  const sorted = whole.data.toSorted();
  const range = (sorted.at(-1) ?? 0) - (sorted[0] ?? 0);
  return MARGINS.map((margin) => {
    let most = 0;
    for (let y = 0; y < 3 * high; y++) {
      for (let x = 0; x < (cut - margin) * scale; x++) {
        const difference =
          (whole.data[y * width * scale + x] ?? 0) - (part.data[y * wide + x] ?? 0);
        most = Math.max(most, (Math.abs(difference) / range) * 255);
      }
    }
    return most.toFixed(2);
  });
}

async function measure(runtime: Runtime, edge: number): Promise<void> {
  const times: string[][] = [];
  const edges: string[][] = [];
  let first: number | undefined;
  for (const name of TIMED) {
    const config = NETWORKS[name];
    if (config === undefined) continue;
    const upscaler = new Upscaler(runtime, { config, checkpoint: await generated(name, config) });
    const seconds = await secondsOf(upscaler, edge);
    first ??= seconds;
    times.push([
      name,
      `${edge}x${edge} to ${edge * upscalerScale(config)}`,
      seconds.toFixed(1),
      (seconds / first).toFixed(1),
    ]);
    edges.push([name, ...(await seams(upscaler, image(32, 96)))]);
    await runtime.releaseCheckpoint(upscaler.stage.checkpoint.id);
  }
  const entry = shippedManifest().adjuncts?.find(({ source, kind }) => {
    return kind === 'upscaler' && source.kind === 'embedded';
  });
  if (entry === undefined) throw new Error('no upscaler is part of the package');
  const trained = new Upscaler(runtime, await openUpscaler(entry, {}));
  edges.push([`${entry.id}, trained`, ...(await seams(trained, await drawnImage(trained)))]);
  console.log(markdownTable(['network', 'tile', 'seconds', 'ratio'], times));
  console.log(markdownTable(['margin', ...MARGINS.map(String)], edges));
}

console.log(
  markdownTable(
    [`${PICTURE}x${PICTURE} by`, 'machine', 'tiles', 'weights', 'work', 'TFLOP'],
    planRows(),
  ),
);
const { runtime } = await startRuntime({ backend: 'wasm' });
await measure(runtime, 64);
await runtime.dispose();
process.exit(0);
