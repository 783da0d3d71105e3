/**
 * Pictures enlarged from the API down to the network: a real engine on wasm, and an upscaler's file from disk.
 */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DrawProgress, DrawTask } from '../../../src/api/artist.ts';
import { EngineArtist, type DrawingEngine } from '../../../src/api/engine-artist.ts';
import { EngineError } from '../../../src/errors.ts';
import { Engine } from '../../../src/engine/engine.ts';
import { blankPicture, type Picture } from '../../../src/image/picture.ts';
import { resize } from '../../../src/image/resize.ts';
import {
  shippedManifest,
  type AdjunctEntry,
  type ModelEntry,
} from '../../../src/models/manifest.ts';
import { openGolden } from '../../../tools/goldens/golden-file.ts';
import { goldenPicture } from '../../support/golden-picture.ts';
import { GOLDENS, readGolden } from '../../support/goldens.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start({ backend: 'wasm' });
});
afterAll(() => engine.dispose());

const entryOf = (file: string): AdjunctEntry => ({
  id: file,
  kind: 'upscaler',
  name: file,
  source: { kind: 'file', url: pathToFileURL(join(GOLDENS, 'upscalers', file)).href },
  licence: 'none',
});

/** The picture of a golden array in [0, 1], and the one that spandrel made of it. */
async function goldenPictures(
  name: string,
  file = 'upscalers',
): Promise<{ picture: Picture; expected: Picture }> {
  const golden = await openGolden(readGolden, file);
  const pictureOf = (part: string): Picture =>
    goldenPicture(golden, name === '' ? part : `${name}/${part}`);
  return { picture: pictureOf('in'), expected: pictureOf('out') };
}

function furthest(a: Picture, b: Picture): number {
  expect([a.width, a.height, a.channels]).toEqual([b.width, b.height, b.channels]);
  return a.data.reduce((most, byte, i) => Math.max(most, Math.abs(byte - b.data[i]!)), 0);
}

describe('a picture', () => {
  test.each([
    ['x4.pth', '10x12', 4],
    ['compact.pth', '20x24', 4],
    ['x2.safetensors', '11x9', 2],
  ])('by %s is that of spandrel, resized to other factors', async (file, size, own) => {
    const { picture, expected } = await goldenPictures(`${file}/${size}`);
    const entry = entryOf(file);
    expect(
      furthest(await engine.enlarge(entry, { picture, scale: own }), expected),
    ).toBeLessThanOrEqual(1);
    const { width, height } = picture;
    const resized = resize(expected, { width: width * 3, height: height * 3 });
    expect(
      furthest(await engine.enlarge(entry, { picture, scale: 3 }), resized),
    ).toBeLessThanOrEqual(2);
  });

  test('that the embedded model drew is enlarged by the embedded upscaler as spandrel does it', async () => {
    const { models, adjuncts } = shippedManifest();
    const [emoji] = models;
    const entry = adjuncts?.find(({ id }) => id === emoji?.upscaler);
    expect(entry?.source.kind).toBe('embedded');
    const { picture, expected } = await goldenPictures('', 'embedded-upscaler');
    const larger = await engine.enlarge(entry as AdjunctEntry, { picture, scale: 4 });
    expect(furthest(larger, expected)).toBeLessThanOrEqual(1);
  });

  test('with alpha keeps it, enlarged by the filter', async () => {
    const { picture, expected } = await goldenPictures('compact.pth/10x12');
    const clear = blankPicture(picture.width, picture.height, 4);
    for (let i = 0; i < picture.width * picture.height; i++) {
      clear.data.set(picture.data.subarray(3 * i, 3 * i + 3), 4 * i);
      clear.data[4 * i + 3] = i % 256;
    }
    const larger = await engine.enlarge(entryOf('compact.pth'), { picture: clear, scale: 4 });
    const alpha = resize(clear, { width: larger.width, height: larger.height });
    expect(larger.channels).toBe(4);
    const colours = blankPicture(larger.width, larger.height, 3);
    for (let i = 0; i < colours.width * colours.height; i++) {
      colours.data.set(larger.data.subarray(4 * i, 4 * i + 3), 3 * i);
    }
    expect(furthest(colours, expected)).toBeLessThan(2);
    expect(larger.data.filter((_, i) => i % 4 === 3)).toEqual(
      alpha.data.filter((_, i) => i % 4 === 3),
    );
  });

  test('after its upscaler was closed is read from the file again', async () => {
    const { picture, expected } = await goldenPictures('compact.pth/10x12');
    await engine.enlarge({ ...entryOf('x4.pth'), id: 'one' }, { picture, scale: 4 });
    await engine.unload('one');
    const again = { ...entryOf('compact.pth'), id: 'one' };
    expect(furthest(await engine.enlarge(again, { picture, scale: 4 }), expected)).toBeLessThan(2);
  });
});

describe('the artist', () => {
  test('tells how far it is', async () => {
    const artist = new EngineArtist(() => Promise.resolve(engine));
    const { picture } = await goldenPictures('compact.pth/10x12');
    const told: DrawProgress[] = [];
    const task = { picture, scale: 2, upscaler: 'compact.pth', entry: entryOf('compact.pth') };
    const larger = await artist.enlarge(task, { onProgress: (news) => told.push(news) });
    expect([larger.width, larger.height]).toEqual([24, 20]);
    expect(told.map(({ phase }) => phase)).toEqual(
      expect.arrayContaining(['starting', 'opening', 'enlarging']),
    );
    expect(told.at(-1)).toMatchObject({ phase: 'enlarging', progress: 1, step: 1, steps: 1 });
  });

  test('has what will enlarge a drawing before it is drawn', async () => {
    const order: string[] = [];
    const upscaler = { ...entryOf('compact.pth'), id: 'up' };
    const drawing: DrawingEngine = {
      report: engine.report,
      openModel: () => Promise.resolve({ nativeSize: 64 }),
      generate: () => {
        order.push('draw');
        return Promise.reject(new Error('enough'));
      },
      enlarge: () => Promise.reject(new Error('nobody asks for it')),
      hints: () => Promise.reject(new Error('nobody asks for it')),
      describePrompt: () => Promise.reject(new Error('nobody asks for it')),
      judge: () => Promise.reject(new Error('nobody asks for it')),
      memory: () => engine.memory(),
      unload: () => Promise.resolve(),
      dispose: () => Promise.resolve(),
    };
    const artist = new EngineArtist(
      () => Promise.resolve(drawing),
      [],
      ({ kind, entry }) => {
        order.push(`prepare ${kind} ${entry.id}`);
        return Promise.resolve(entry);
      },
    );
    const task = { generate: { prompt: '', width: 64, height: 64 }, adjuncts: {}, upscaler };
    const model = shippedManifest().models[0] as ModelEntry;
    await expect(artist.draw(model, task as unknown as DrawTask, {})).rejects.toThrow('enough');
    expect(order).toEqual([`prepare model ${model.id}`, 'prepare upscaler up', 'draw']);
  });

  test('names the upscaler that cannot be had', async () => {
    const artist = new EngineArtist(
      () => Promise.resolve(engine),
      [],
      () => Promise.reject(new EngineError('download-failed', 'hub.example did not answer')),
    );
    const task = {
      picture: blankPicture(8, 8, 3),
      scale: 2,
      upscaler: 'x',
      entry: { ...entryOf('x4.pth'), id: 'x' },
    };
    await expect(artist.enlarge(task, {})).rejects.toMatchObject({
      code: 'download-failed',
      message:
        'pictures are enlarged by the upscaler x, which is not on this machine and could not be downloaded: hub.example did not answer',
    });
  });
});
