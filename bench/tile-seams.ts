/**
 * `npm run bench -- tile-seams`: how much a picture that is decoded or encoded in tiles differs from the whole, at the tiles'
 * edges and elsewhere, on wasm: the embedded autoencoder with a photograph, and a small AutoencoderKL with random weights.
 */

import { readFile } from 'node:fs/promises';

import { decodePng } from '../src/image/png-decoder.ts';
import { planesFromPicture } from '../src/image/picture.ts';
import { resize } from '../src/image/resize.ts';
import { inTiles, tilesOf } from '../src/models/tiling.ts';
import { Autoencoder } from '../src/models/vae.ts';
import type { JsonConfig } from '../src/networks/config.ts';
import { startRuntime } from '../src/runtime/start.ts';
import { hostTensor, type HostTensor } from '../src/tensor/host-tensor.ts';
import { blobSource } from '../src/weights/byte-source.ts';
import { openCheckpoint } from '../src/weights/safetensors.ts';
import { markdownTable } from './support/table.ts';

/** Edge of the picture, in pixels and in latents. */
const SIZE = 384;

const root = new URL('../', import.meta.url);
const { runtime } = await startRuntime({ backend: 'wasm' });

async function vaeOf(folder: string): Promise<Autoencoder> {
  const config = JSON.parse(
    await readFile(new URL(`${folder}/config.json`, root), 'utf8'),
  ) as JsonConfig;
  const file = `${folder}/diffusion_pytorch_model.safetensors`;
  const bytes = new Uint8Array(await readFile(new URL(file, root)));
  return new Autoencoder(
    runtime,
    config,
    await openCheckpoint(folder, [blobSource(new Blob([bytes]), file)]),
  );
}

const photo = await decodePng(await readFile(new URL('test/goldens/hints/photo.png', root)));
const picture = hostTensor(planesFromPicture(resize(photo, { width: SIZE, height: SIZE })), [
  1,
  3,
  SIZE,
  SIZE,
]);

/** Differences in bytes of a picture in -1 to 1: their mean within `reach` of an edge and elsewhere, the largest, and PSNR. */
function measured(
  whole: HostTensor,
  tiled: HostTensor,
  { tile, unit, range }: { tile: number; unit: number; range: number },
): string[] {
  const [, , height = 1, width = 1] = whole.dims;
  const edges = new Set<number>();
  for (const { left, width: wide } of tilesOf(height / unit, width / unit, tile)) {
    for (const edge of [left, left + wide])
      if (edge > 0 && edge * unit < width) edges.add(edge * unit);
  }
  const isNear = (at: number): boolean =>
    [...edges].some((edge) => Math.abs(at + 0.5 - edge) < unit);
  const sums = { near: [0, 0], far: [0, 0] };
  let [most, squares] = [0, 0];
  whole.data.forEach((value, i) => {
    const difference = (Math.abs(value - (tiled.data[i] ?? 0)) / range) * 255;
    const [x, y] = [i % width, Math.floor(i / width) % height];
    const sum = isNear(x) || isNear(y) ? sums.near : sums.far;
    sum[0] = (sum[0] ?? 0) + difference;
    sum[1] = (sum[1] ?? 0) + 1;
    most = Math.max(most, difference);
    squares += difference ** 2;
  });
  const mean = ([sum = 0, count = 0]: number[]): string => (sum / count).toFixed(3);
  const psnr = 10 * Math.log10(255 ** 2 / (squares / whole.data.length));
  return [mean(sums.near), mean(sums.far), most.toFixed(1), psnr.toFixed(1)];
}

const rangeOf = ({ data }: HostTensor): number => {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of data) [least, largest] = [Math.min(least, value), Math.max(largest, value)];
  return largest - least;
};

const rows: string[][] = [];
for (const folder of ['models/emoji-64/vae', 'test/goldens/tiny-sd15/vae']) {
  const vae = await vaeOf(folder);
  const { scale } = vae;
  const encode = async (part: HostTensor): Promise<HostTensor> =>
    (await vae.encode(part)) as HostTensor;
  const decode = async (part: HostTensor): Promise<HostTensor> =>
    (await vae.decode(part)) as HostTensor;
  const encoded = await encode(picture);
  const channels = vae.config.latentChannels;
  const [, , high = 1, wide = 1] = encoded.dims;
  const latents = hostTensor(encoded.data.slice(0, channels * high * wide), [
    1,
    channels,
    high,
    wide,
  ]);
  const decoded = await decode(latents);
  for (const tile of [32, 24, 16]) {
    const tiledDecoding = await inTiles(latents, { tile, unit: 1, outScale: scale }, decode);
    const tiledEncoding = await inTiles(
      picture,
      { tile, unit: scale, outScale: 1 / scale },
      encode,
    );
    const say = (what: string, cells: string[]): number =>
      rows.push([folder.split('/').at(-2) ?? '', what, String(tile), ...cells]);
    say('decode', measured(decoded, tiledDecoding, { tile, unit: scale, range: rangeOf(decoded) }));
    say('encode', measured(encoded, tiledEncoding, { tile, unit: 1, range: rangeOf(encoded) }));
  }
}
const headings = ['VAE', 'what', 'tile', 'mean at edges', 'elsewhere', 'largest', 'PSNR'];
console.log(markdownTable(headings, rows));
await runtime.dispose();
