/**
 * The client over a stand-in for the engine: what starts when, what is told, what is passed on.
 */

import { describe, expect, it } from 'vitest';
import { Client, type ClientProgress } from '../../../src/api/client.ts';
import type { DrawingEngine } from '../../../src/api/engine-artist.ts';
import { EngineError } from '../../../src/errors.ts';
import { decodeImage } from '../../../src/image/decode.ts';
import { blankPicture } from '../../../src/image/picture.ts';
import { encodePng } from '../../../src/image/png.ts';
import { parseManifest } from '../../../src/models/manifest.ts';
import type { GenerateRequest } from '../../../src/pipelines/generate.ts';
import type { RuntimeReport } from '../../../src/runtime/report.ts';

const manifest = parseManifest({
  version: 1,
  default: 'small',
  models: ['large', 'small'].map((id) => ({
    id,
    name: id,
    source: { kind: 'folder', url: `https://example.com/${id}` },
    nativeSize: 64,
    licence: 'MIT',
  })),
});

/** @param warnings What the engine says of what it draws. */
function stub(warnings: readonly string[] = []) {
  const calls: string[] = [];
  const requests: GenerateRequest[] = [];
  const engine: DrawingEngine = {
    report: { backend: 'wasm' } as RuntimeReport,
    openModel: ({ id }) => {
      calls.push(`open ${id}`);
      return Promise.resolve({ nativeSize: 64 });
    },
    generate: (id, request, options) => {
      calls.push(`draw ${id}`);
      requests.push(request);
      options?.onProgress?.({
        phase: 'denoising',
        progress: 0.5,
        step: 1,
        steps: 2,
        secondsLeft: 1,
      });
      options?.signal?.throwIfAborted();
      const { samples = 1, width, height } = request;
      const image = new Float32Array(samples * 3 * width * height);
      return Promise.resolve({
        images: { dims: [samples, 3, height, width], data: image },
        latents: { dims: [samples, 4, 8, 8], data: new Float32Array(samples * 256) },
        warnings,
      });
    },
    enlarge: () => Promise.reject(new Error('nobody asks for it')),
    hints: (control) => Promise.resolve([...control]),
    describePrompt: () => Promise.reject(new Error('nobody asks for it')),
    judge: () => Promise.reject(new Error('nobody asks for it')),
    unload: () => Promise.resolve(),
    memory: () => ({ residentBytes: 1, uploadedBytes: 2 }),
    dispose: () => {
      calls.push('dispose');
      return Promise.resolve();
    },
  };
  let starts = 0;
  const start = (): Promise<DrawingEngine> => {
    calls.push('start');
    starts++;
    return Promise.resolve(engine);
  };
  const publish = (_: Uint8Array, name: string): Promise<string> => Promise.resolve(`kept:${name}`);
  return {
    client: new Client(start, manifest, publish),
    engine,
    calls,
    requests,
    starts: () => starts,
  };
}

const body = { prompt: 'a cat', width: '64', height: '64', samples: '2', seed: 7 };

describe('the client', () => {
  it('starts nothing before the first request, and the engine once', async () => {
    const { client, calls, starts } = stub();
    expect(calls).toEqual([]);
    const first = await client.textToImage(body);
    await client.textToImage({ ...body, model_id: 'large' });
    expect(first).toMatchObject({
      status: 'success',
      id: 1,
      output: [
        expect.stringMatching(/^kept:[\da-f-]{36}-0\.png$/),
        expect.stringMatching(/^kept:[\da-f-]{36}-1\.png$/),
      ],
      meta: { model_id: 'small', seed: 7 },
    });
    expect(calls).toEqual(['start', 'open small', 'draw small', 'open large', 'draw large']);
    expect(starts()).toBe(1);
  });

  it('replies with what the request named in vain, once it is drawn', async () => {
    const { client } = stub(['1 key of the LoRA x matches nothing']);
    const safe = { ...body, safety_checker: 'no' };
    expect(await client.textToImage(safe)).toMatchObject({
      status: 'success',
      warnings: ['1 key of the LoRA x matches nothing'],
    });
    expect(await stub().client.textToImage(safe)).not.toHaveProperty('warnings');
  });

  it('tells every phase from starting on', async () => {
    const { client } = stub();
    const told: ClientProgress[] = [];
    await client.textToImage(body, { onProgress: (progress) => told.push(progress) });
    expect(told.map(({ phase }) => phase)).toEqual(['starting', 'opening', 'denoising']);
  });

  it('answers HTTP requests to any host as well, and never sends them', async () => {
    const { client } = stub();
    const url = 'https://modelslab.com/api/v6/images/text2img';
    const response = await client.fetch(url, {
      method: 'POST',
      body: JSON.stringify({ ...body, webhook: null }),
    });
    const reply = (await response.json()) as { status: string; id: number };
    expect(reply).toMatchObject({ status: 'success', meta: { model_id: 'small' } });
    const fetched = await client.fetch(new Request(`${url.replace('text2img', 'fetch')}/1`));
    expect(await fetched.json()).toMatchObject({ status: 'success', id: reply.id });
    expect((await client.fetch('/elsewhere')).status).toBe(404);
  });

  it('lets the manifest choose a model for all other names, and give aliases', async () => {
    const { engine } = stub();
    const first = manifest.models[0];
    const chosen = parseManifest({
      ...manifest,
      '*': 'large',
      models: [{ ...first, aliases: ['org/large'] }, ...manifest.models.slice(1)],
    });
    const publish = (): Promise<string> => Promise.resolve('kept');
    const client = new Client(() => Promise.resolve(engine), chosen, publish);
    expect(await client.textToImage({ ...body, model_id: 'org/large' })).not.toHaveProperty('tip');
    expect(await client.textToImage({ ...body, model_id: 'anything-v3' })).toMatchObject({
      meta: { model_id: 'large', requested_model_id: 'anything-v3' },
      tip: expect.stringContaining('large drew instead') as string,
    });
  });

  it.each([
    [{ '*': 'huge' }, /\*: must be the id/],
    [{ models: manifest.models.map((entry) => ({ ...entry, aliases: ['same'] })) }, /alias/],
    [{ models: manifest.models.map((entry) => ({ ...entry, aliases: ['small'] })) }, /alias/],
  ])('refuses a manifest with %j', (change, reason) => {
    expect(() => parseManifest({ ...manifest, ...change })).toThrow(reason);
  });

  it('answers a bad body without starting anything', async () => {
    const { client, calls } = stub();
    const reply = await client.textToImage({ ...body, num_inference_steps: 'abc' });
    expect(reply).toMatchObject({ status: 'error' });
    expect(JSON.stringify(reply)).toContain('num_inference_steps');
    expect(await client.textToImage({ ...body, model_id: 'huge' })).toMatchObject({
      status: 'error',
      message: expect.stringMatching(/huge.*large, small/) as string,
    });
    expect(calls).toEqual([]);
  });

  it('passes an abort on as its reason, before and while the engine starts', async () => {
    const { client } = stub();
    const reason = new Error('enough');
    await expect(client.textToImage(body, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    const controller = new AbortController();
    const never = new Client(() => new Promise<DrawingEngine>(() => undefined), manifest);
    const call = never.textToImage(body, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 5);
    await expect(call).rejects.toBe(reason);
  });

  it('tries again after a start that failed, and starts afresh after it was disposed of', async () => {
    let attempts = 0;
    const client = new Client(() => {
      const isFirst = attempts++ === 0;
      return isFirst
        ? Promise.reject(new EngineError('webgpu-unavailable', 'no GPU today'))
        : Promise.resolve(stub().engine);
    }, manifest);
    expect(await client.textToImage(body)).toMatchObject({
      status: 'error',
      message: 'no GPU today',
    });
    expect(await client.report()).toMatchObject({ backend: 'wasm' });
    const { client: second, calls } = stub();
    await second.report();
    await second.dispose();
    await second.report();
    expect(calls).toEqual(['start', 'dispose', 'start']);
  });
});

describe('hints', () => {
  const adjunct = {
    name: 'x',
    licence: 'MIT',
    source: { kind: 'hub', repository: 'a/b' },
  } as const;
  const adjuncts = [
    { ...adjunct, id: 'net', kind: 'controlnet' as const },
    { ...adjunct, id: 'teller', kind: 'annotator' as const, hint: 'depth' },
  ];

  it('that a network makes are asked of the engine, and no others', async () => {
    const { engine, calls } = stub();
    const start = (): Promise<DrawingEngine> => {
      calls.push('start');
      return Promise.resolve({
        ...engine,
        hints: (control) =>
          Promise.resolve(
            control.map((each) => ({
              ...each,
              hint: { dims: [1, 3, 64, 64], data: new Float32Array(3 * 64 * 64).fill(0.2) },
            })),
          ),
      });
    };
    const client = new Client(start, { ...manifest, adjuncts });
    const white = blankPicture(64, 64, 3);
    white.data.fill(255);
    const asked = {
      ...body,
      controlnet_model: 'net',
      init_image: new Blob([await encodePng(white)]),
      auto_hint: 'yes',
    };
    const first = async (kind: string): Promise<number | undefined> => {
      const [file] = await client.hints({ ...asked, controlnet_type: kind });
      return file && (await decodeImage(file, 'hint')).data[0];
    };
    expect(await first('invert')).toBe(0);
    expect(calls).toEqual([]);
    expect(await first('depth')).toBe(51);
    expect(calls).toEqual(['start']);
    const kinds = client.hintKinds.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['canny', 'depth', 'normal']));
    expect(kinds).not.toContain('segmentation');
  });
});
