/**
 * Transformers.js on the engine's own runtime, with networks from a hub that can be checked by hand: how near is how
 * light, and the class is the strongest colour (test/goldens/tiny-annotators).
 */

import { beforeAll, expect, inject, test } from 'vitest';
import { Annotators } from '../../src/annotators/annotators.ts';
import type { AdjunctEntry } from '../../src/models/manifest.ts';
import { hostTensor } from '../../src/tensor/host-tensor.ts';
import { fetchFile } from '../support/browser.ts';

const [hub] = inject('hostileOrigins');

/** An annotator whose files lie on a hub, as `someone/NAME`. */
function onHub(name: string): AdjunctEntry {
  const source = { kind: 'hub', hub, repository: `someone/${name}` } as const;
  return { id: name, kind: 'annotator', name, source, licence: 'none' };
}

/** Puts the files of a network onto the hub. */
async function host(name: string): Promise<void> {
  for (const path of ['config.json', 'preprocessor_config.json', 'onnx/model_quantized.onnx']) {
    const bytes = await fetchFile(`test/goldens/tiny-annotators/${name}/${path}`);
    const base64 = btoa(String.fromCharCode(...bytes));
    const body = JSON.stringify({
      path: `someone/${name}/resolve/main/${path}`,
      file: { size: bytes.length, base64 },
    });
    await fetch(`${hub}/control/host`, { method: 'POST', body });
  }
}

beforeAll(async () => {
  await host('depth');
  await host('segmentation');
});

const annotators = new Annotators();
const [width, height] = [80, 60];

/** Red at the left, green in the middle, blue at the right; lighter from above to below. */
const picture = hostTensor(
  Float32Array.from({ length: 3 * width * height }, (_, i) => {
    const [channel, x, y] = [
      Math.floor(i / (width * height)),
      i % width,
      Math.floor(i / width) % height,
    ];
    return Math.floor((3 * x) / width) === channel ? (y + 1) / height : 0;
  }),
  [1, 3, height, width],
);

test('depth is what the network tells, from the farthest to the nearest', async () => {
  const { dims, data } = await annotators.annotate(
    { kind: 'depth', annotator: onHub('depth') },
    picture,
  );
  expect(dims).toEqual([1, 3, height, width]);
  const column = Array.from({ length: height }, (_, y) => data[y * width + 40] ?? 0);
  expect(column.every((value, y) => y === 0 || value >= (column[y - 1] ?? 0))).toBe(true);
  // A canvas makes the picture smaller on the way, and the network's answer is made larger again.
  expect(Math.abs((column[30] ?? 0) - 0.5)).toBeLessThan(0.05);
  expect([Math.min(...data), Math.max(...data)]).toEqual([0, 1]);
});

test('classes are where the network sees them, in their colours', async () => {
  const { data } = await annotators.annotate(
    { kind: 'segmentation', annotator: onHub('segmentation') },
    picture,
  );
  const colourAt = (x: number): number[] =>
    [0, 1, 2].map((c) => Math.round((data[c * width * height + 50 * width + x] ?? 0) * 255));
  expect([colourAt(10), colourAt(40), colourAt(70)]).toEqual([
    [120, 120, 120],
    [180, 120, 120],
    [6, 230, 230],
  ]);
});

test('a folder may take the place of a hub', async () => {
  const source = {
    kind: 'folder',
    url: new URL('/test/goldens/tiny-annotators/depth/', location.href).href,
  } as const;
  const { data } = await annotators.annotate(
    { kind: 'normal', annotator: { ...onHub('depth-here'), source } },
    picture,
  );
  // The slope goes down the picture, towards the camera.
  const normal = [0, 1, 2].map((c) => data[(c * height + 30) * width + 40] ?? 0);
  expect(normal[0]).toBeCloseTo(0.5, 1);
  expect(normal[1]).toBeGreaterThan(0.6);
  expect(normal[2]).toBeGreaterThan(0.5);
});

test('a model that is not there is named with its kind and the reason', async () => {
  const annotation = { kind: 'normal', annotator: onHub('nothing') };
  await expect(annotators.annotate(annotation, picture)).rejects.toMatchObject({
    code: 'download-failed',
    message: expect.stringMatching(
      /kind normal needs the model nothing \(someone\/nothing\), which could not be loaded: ./,
    ) as string,
  });
});
