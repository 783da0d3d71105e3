/**
 * Networks that make hints, where there is no browser, no hub, or no such kind: what is said then.
 */

import { afterEach, expect, test, vi } from 'vitest';
import { Annotators } from '../../../src/annotators/annotators.ts';
import type { Transformers } from '../../../src/annotators/transformers.ts';
import type { AdjunctEntry } from '../../../src/models/manifest.ts';
import { hostTensor } from '../../../src/tensor/host-tensor.ts';

const annotator: AdjunctEntry = {
  id: 'near',
  kind: 'annotator',
  name: 'Near',
  source: { kind: 'hub', repository: 'someone/near' },
  hint: 'depth',
  licence: 'none',
};
const picture = hostTensor(new Float32Array(12), [1, 3, 2, 2]);

/** A library whose `pipeline` is this. */
function library(pipeline: Transformers['pipeline']): () => Promise<Transformers> {
  const env = {
    remoteHost: '',
    remotePathTemplate: '',
    allowLocalModels: false,
    useWasmCache: true,
  };
  return () => Promise.resolve({ env, pipeline, RawImage: class {} });
}

afterEach(() => vi.unstubAllGlobals());

function inBrowser(): void {
  vi.stubGlobal('OffscreenCanvas', class {});
}

test('outside of browsers the kind and the model are named', async () => {
  const annotators = new Annotators({}, library(vi.fn<Transformers['pipeline']>()));
  await expect(annotators.annotate({ kind: 'depth', annotator }, picture)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(
      /depth needs the model near \(someone\/near\).*browsers/,
    ) as string,
  });
});

test('without a connection the kind, the model and the reason are named, and the next time it is tried again', async () => {
  inBrowser();
  const depth = { predicted_depth: { data: Float32Array.of(1, 2, 3, 5) } };
  const loaded = Object.assign(() => Promise.resolve(depth), { model: { config: {} } });
  const pipeline = vi
    .fn<Transformers['pipeline']>()
    .mockRejectedValueOnce(new TypeError('Failed to fetch'))
    .mockResolvedValue(loaded);
  const annotators = new Annotators({}, library(pipeline));
  await expect(annotators.annotate({ kind: 'depth', annotator }, picture)).rejects.toMatchObject({
    code: 'download-failed',
    message:
      'a hint of the kind depth needs the model near (someone/near), which could not be loaded: Failed to fetch',
  });
  const hint = await annotators.annotate({ kind: 'depth', annotator }, picture);
  expect([...hint.data].slice(8)).toEqual([0, 0.25, 0.5, 1]);
  await annotators.annotate({ kind: 'normal', annotator }, picture);
  expect(pipeline).toHaveBeenCalledTimes(2);
});

test('a network that fails is named with its reason', async () => {
  inBrowser();
  const broken = Object.assign(() => Promise.reject(new Error('bad shape')), {
    model: { config: {} },
  });
  const annotators = new Annotators(
    {},
    library(() => Promise.resolve(broken)),
  );
  await expect(annotators.annotate({ kind: 'normal', annotator }, picture)).rejects.toMatchObject({
    code: 'runtime-failed',
    message: expect.stringMatching(/kind normal .*near.*which failed: bad shape/) as string,
  });
});

test('an abort comes through as itself, while the model is on its way', async () => {
  inBrowser();
  const annotators = new Annotators(
    {},
    library(() => new Promise(() => undefined)),
  );
  const controller = new AbortController();
  const running = annotators.annotate({ kind: 'depth', annotator }, picture, controller.signal);
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(running).rejects.toBe(reason);
});

test('requests whose hints are ready are left alone', async () => {
  const annotators = new Annotators({}, library(vi.fn<Transformers['pipeline']>()));
  const request = { hint: picture };
  expect(await annotators.hintsOf([request])).toEqual([request]);
});
