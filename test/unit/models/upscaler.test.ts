/**
 * Upscalers: what their files are, and pictures in tiles against whole ones and against spandrel's.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blankPicture, type Picture } from '../../../src/image/picture.ts';
import { identifyFile } from '../../../src/models/identify.ts';
import { openUpscalerFile } from '../../../src/models/upscaler-file.ts';
import { Upscaler } from '../../../src/models/upscaler.ts';
import { upscalerConfig } from '../../../src/networks/upscaler-config.ts';
import { upscalerGraph } from '../../../src/networks/upscaler.ts';
import { Runtime, type RuntimeHost } from '../../../src/runtime/runtime.ts';
import { startWasmHost } from '../../../src/runtime/wasm-host.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import type { ByteSource } from '../../../src/weights/checkpoint.ts';
import { openGolden } from '../../../tools/goldens/golden-file.ts';
import { describedCheckpoint } from '../../support/described-checkpoint.ts';
import { readGolden } from '../../support/goldens.ts';

const FILES = [
  ['x4.pth', { kind: 'rrdb', features: 8, growth: 4, blocks: 2, unshuffle: 1 }],
  ['x2.safetensors', { kind: 'rrdb', features: 8, growth: 4, blocks: 1, unshuffle: 2 }],
  ['old-names.pth', { kind: 'rrdb', features: 8, growth: 4, blocks: 1, unshuffle: 1 }],
  ['compact.pth', { kind: 'compact', features: 8, convolutions: 5, scale: 4 }],
  ['compact-x2.safetensors', { kind: 'compact', features: 8, convolutions: 4, scale: 2 }],
] as const;

async function sourceOf(path: string): Promise<ByteSource> {
  return bufferSource(await readGolden(path), path);
}

describe('a file', () => {
  test.each(FILES)('%s says what its network is', async (file, config) => {
    const source = await sourceOf(`upscalers/${file}`);
    expect((await openUpscalerFile('x', source)).config).toEqual(config);
    expect(await identifyFile(source)).toEqual({ kind: 'upscaler', family: undefined });
  });

  test('that is cut off is refused by its name', async () => {
    const whole = await readGolden('upscalers/x4.pth');
    const source = bufferSource(whole.slice(0, -1000), 'cut.pth');
    await expect(openUpscalerFile('x', source)).rejects.toMatchObject({
      code: 'model-malformed',
      message: expect.stringContaining('cut.pth') as string,
    });
  });

  test.each([
    ['embeddings/evil.pt', 'unsupported', 'nothing of it was run'],
    ['embeddings/a1111.pt', 'model-malformed', 'dictionary of tensors'],
    ['tiny-taesd/diffusion_pytorch_model.safetensors', 'model-malformed', 'no upscaler'],
    ['lora-a.safetensors', 'model-malformed', 'no upscaler'],
  ])('%s is refused by its name', async (path, code, reason) => {
    await expect(openUpscalerFile('x', await sourceOf(path))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(`${path}.*${reason}`) as string,
    });
  });
});

describe('weights', () => {
  const rrdb = { 'body.0.rdb1.conv1.weight': [32, 64, 3, 3] };
  const compact = { 'body.0.weight': [64, 3, 3, 3], 'body.1.weight': [64] };

  test.each([
    [{ ...rrdb, 'conv_first.weight': [64, 1, 3, 3] }, 'reads 1 channels'],
    [{ ...rrdb, 'conv_first.weight': [64, 48, 3, 3] }, 'reads 48 channels'],
    [{ ...compact, 'body.2.weight': [1, 64, 3, 3] }, 'gives 1 channels'],
    [{ ...compact, 'body.2.weight': [192, 64, 3, 3] }, 'gives 192 channels'],
  ])('%j are of no network for pictures', (shapes, reason) => {
    expect(() => upscalerConfig(describedCheckpoint(shapes, 'odd'))).toThrow(reason);
  });

  test('that are left over are named', async () => {
    const { config, checkpoint } = await openUpscalerFile('x', await sourceOf('upscalers/x4.pth'));
    const [first] = checkpoint.tensors.values();
    const tensors = new Map([...checkpoint.tensors, ['conv_up3.weight', first!]]);
    const options = { spelling: 'portable', dtype: 'float32' } as const;
    expect(() => upscalerGraph(config, { ...checkpoint, tensors }, options)).toThrow(
      'conv_up3.weight',
    );
  });
});

describe('a picture', () => {
  let host: RuntimeHost;
  let runtime: Runtime;
  beforeAll(async () => {
    host = await startWasmHost({ precision: 'float32' });
    runtime = new Runtime(host);
  });
  afterAll(() => runtime.dispose());

  const open = async (file: string, on = runtime): Promise<Upscaler> =>
    new Upscaler(on, await openUpscalerFile(file, await sourceOf(`upscalers/${file}`)));

  /** The same network where a buffer may have no more than so many bytes. */
  const withBuffers = (maxBufferBytes: number): Runtime =>
    new Runtime({ ...host, budget: (dtype) => ({ ...host.budget(dtype), maxBufferBytes }) });

  test.each([
    ['compact.pth', '20x24'],
    ['x2.safetensors', '11x9'],
  ])('is enlarged by %s as spandrel does it, at %s', async (file, size) => {
    const golden = await openGolden(readGolden, 'upscalers');
    const { shape, data } = golden.float32(`${file}/${size}/in`);
    const [, , height = 0, width = 0] = shape;
    const { data: expected } = golden.float32(`${file}/${size}/out`);
    const upscaler = await open(file);

    const larger = await upscaler.enlarge(pictureOf(data, width, height));

    expect([larger.width, larger.height]).toEqual([width, height].map((n) => n * upscaler.scale));
    const area = larger.width * larger.height;
    const furthest = larger.data.reduce((most, byte, i) => {
      const value = expected[(i % 3) * area + Math.floor(i / 3)]! * 255;
      return Math.max(most, Math.abs(byte - Math.min(255, Math.max(0, value))));
    }, 0);
    expect(furthest).toBeLessThan(0.51);
  });

  test('in tiles is the whole one where the margin is wider than the network looks', async () => {
    const picture = noise(75, 50);
    const whole = await (await open('compact.pth')).enlarge(picture);
    const cut = await open('compact.pth', withBuffers(300_000));
    expect(cut.tilesFor(50, 75)).toEqual({ count: 15, height: 30, width: 31 });

    const told: string[] = [];
    const onTile = (done: number, of: number): number => told.push(`${done}/${of}`);
    expect(await cut.enlarge(picture, { onTile })).toEqual(whole);
    expect(told).toHaveLength(15);
    expect(told.at(-1)).toBe('15/15');
  });

  test('in tiles of a network that halves it first is whole too, at odd sides', async () => {
    const picture = noise(131, 91);
    const cut = await open('x2.safetensors', withBuffers(600_000));
    expect(cut.tilesFor(91, 131)).toEqual({ count: 12, height: 58, width: 64 });
    const tiled = await cut.enlarge(picture);
    const whole = await (await open('x2.safetensors')).enlarge(picture);
    // Its blocks look further than the margin; what they see there counts for little.
    const furthest = tiled.data.reduce(
      (most, byte, i) => Math.max(most, Math.abs(byte - whole.data[i]!)),
      0,
    );
    expect([tiled.width, tiled.height]).toEqual([262, 182]);
    expect(furthest).toBeLessThanOrEqual(1);
  });

  test('stops between tiles', async () => {
    const controller = new AbortController();
    const cut = await open('compact.pth', withBuffers(300_000));
    const done: number[] = [];
    const enlarging = cut.enlarge(noise(75, 50), {
      signal: controller.signal,
      onTile: (tiles) => {
        done.push(tiles);
        if (tiles === 2) controller.abort(new Error('enough'));
      },
    });
    await expect(enlarging).rejects.toThrow('enough');
    expect(done).toEqual([1, 2]);
  });

  test('that would be too large is refused before anything is computed', async () => {
    const upscaler = await open('compact.pth');
    await expect(upscaler.enlarge(blankPicture(4000, 4000, 3))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('4000x4000 enlarged 4 times') as string,
    });
  });
});

function pictureOf(planes: Float32Array, width: number, height: number): Picture {
  const picture = blankPicture(width, height, 3);
  for (let i = 0; i < picture.data.length; i++) {
    picture.data[i] = Math.round(planes[(i % 3) * width * height + Math.floor(i / 3)]! * 255);
  }
  return picture;
}

function noise(width: number, height: number): Picture {
  const picture = blankPicture(width, height, 3);
  let state = 1;
  for (let i = 0; i < picture.data.length; i++) {
    state = (state * 48271) % 2147483647;
    picture.data[i] = state % 256;
  }
  return picture;
}
