/**
 * Bodies of replies: the names, kinds and order of fields that clients rely on.
 */

import { describe, expect, test } from 'vitest';
import { generationMeta, pictureParameters } from '../../../src/api/meta.ts';
import type { Drawing } from '../../../src/api/meta.ts';
import {
  BAD_KEY_TIP,
  bodyOfError,
  ERROR_MESSAGES,
  errorBody,
  failedBody,
  processingBody,
  successBody,
} from '../../../src/api/response.ts';
import { img2imgRequest, text2imgRequest } from '../../../src/api/schema/requests.ts';
import { EngineError } from '../../../src/errors.ts';
import { parametersText } from '../../../src/image/parameters.ts';
import { fieldError } from '../../../src/util/field-error.ts';

const prefix = '6ef3f81f-14e1-4835-b07a-e00dbe80b6ff';
const link = `https://example.com/generations/${prefix}-0.png`;

/** A drawing of a body, with what the body leaves open. */
function drawing(body: object, operation: 'text2img' | 'img2img' = 'text2img'): Drawing {
  const read = operation === 'img2img' ? img2imgRequest : text2imgRequest;
  const { drawn } = read(
    { prompt: 'a cat', init_image: 'https://example.com/bench.png', ...body },
    {
      support: { upscale: 'ready', safety_checker: 'ready', lora_model: 'ready', tomesd: 'ready' },
    },
  );
  return {
    request: drawn,
    modelId: 'midjourney',
    requestedModel: 'midjourney',
    prompt: 'a cat, sharp focus',
    negativePrompt: 'blurry',
    seed: 2916174600,
    width: drawn.width ?? 512,
    height: drawn.height ?? 512,
    filePrefix: prefix,
  };
}

describe('a success', () => {
  test('of v4 text2img has the keys of its page, in order', () => {
    const body = successBody({
      version: 'v4',
      id: 13441520,
      drawing: drawing({ safety_checker: 'no', num_inference_steps: '21' }),
      seconds: 14.079592943191528,
      output: [link],
    });
    expect(JSON.stringify(body)).toBe(
      JSON.stringify({
        status: 'success',
        generationTime: 14.079592943191528,
        id: 13441520,
        output: [link],
        meta: {
          prompt: 'a cat, sharp focus',
          model_id: 'midjourney',
          negative_prompt: 'blurry',
          scheduler: 'UniPCMultistepScheduler',
          safetychecker: 'no',
          W: 512,
          H: 512,
          guidance_scale: 7.5,
          seed: 2916174600,
          steps: 21,
          n_samples: 1,
          full_url: 'no',
          upscale: 'no',
          multi_lingual: 'no',
          panorama: 'no',
          self_attention: 'no',
          embeddings: null,
          lora: null,
          outdir: 'out',
          file_prefix: prefix,
        },
      }),
    );
  });

  test('of v4 img2img has the keys of its page, in order', () => {
    const { meta } = successBody({
      version: 'v4',
      id: 13443927,
      drawing: drawing({ strength: '0.55', upscale: 'yes' }, 'img2img'),
      seconds: 11,
      output: [link],
    });
    expect(Object.entries(meta)).toEqual([
      ['prompt', 'a cat, sharp focus'],
      ['model_id', 'midjourney'],
      ['scheduler', 'UniPCMultistepScheduler'],
      ['safetychecker', 'yes'],
      ['negative_prompt', 'blurry'],
      ['W', 512],
      ['H', 512],
      ['guidance_scale', 7.5],
      ['init_image', 'https://example.com/bench.png'],
      ['steps', 30],
      ['n_samples', 1],
      ['strength', 0.55],
      ['multi_lingual', 'no'],
      ['full_url', 'no'],
      ['upscale', '2'],
      ['seed', 2916174600],
      ['outdir', 'out'],
      ['file_prefix', prefix],
    ]);
  });

  test('of v6 has links beside meta, a rounded time, and an extension', () => {
    const body = successBody({
      version: 'v6',
      id: 112514254,
      drawing: drawing({ algorithm_type: 'dpmsolver+++', lora_model: ['a', 'b'] }),
      seconds: 9.06731,
      output: [link],
      nsfw: true,
    });
    expect(body).toMatchObject({
      generationTime: 9.07,
      proxy_links: [link],
      nsfw_content_detected: true,
      webhook_status: '',
    });
    expect(body.meta).toMatchObject({
      safety_checker: 'yes',
      tomesd: 'yes',
      file_prefix: `${prefix}.png`,
      algorithm_type: 'dpmsolver+++',
      lora: 'a,b',
      lora_strength: 1,
      clip_skip: 1,
      ip_adapter_scale: 0.6,
    });
    expect(body.meta).not.toHaveProperty('safetychecker');
    expect(body.meta).not.toHaveProperty('init_image');
  });

  test('of realtime calls the size by its plain names', () => {
    const meta = generationMeta(drawing({ width: 640 }), 'realtime');
    expect(meta).toMatchObject({ width: 640, height: 512 });
    expect(meta).not.toHaveProperty('W');
  });

  test('speaks of warnings and tips only when there are any', () => {
    const options = { version: 'v4', id: 1, drawing: drawing({}), seconds: 1, output: [] } as const;
    const plain = successBody({ ...options, warnings: [] });
    expect(plain).not.toHaveProperty('warnings');
    expect(plain).not.toHaveProperty('tip');
    const talkative = successBody({ ...options, warnings: ['w'], tip: 't' });
    expect(talkative).toMatchObject({ warnings: ['w'], tip: 't' });
  });

  test('says what was drawn, not what was asked', () => {
    const { request, drawn } = text2imgRequest(
      { prompt: 'x', width: 5000, safety_checker: 'yes', tomesd: 'yes' },
      { support: { safety_checker: 'optional', tomesd: 'optional' } },
    );
    expect(request).toMatchObject({ safety_checker: true, tomesd: true });
    const meta = generationMeta({ ...drawing({}), request: drawn, width: drawn.width }, 'v6');
    expect(meta).toMatchObject({ W: 1024, safety_checker: 'no', tomesd: 'no' });
  });

  test('does not send an image back that came along', () => {
    const meta = generationMeta(drawing({ init_image: 'iVBORw0KGgoAAAANSUhEUg' }, 'img2img'), 'v4');
    expect(meta['init_image']).toBeNull();
  });
});

describe('a processing reply', () => {
  const options = {
    version: 'v4',
    id: 29763508,
    drawing: drawing({}),
    eta: 13.067986918399999,
    origin: 'http://localhost:8080',
    futureLinks: [link],
  } as const;

  test('of v4 says when and where, in both spellings', () => {
    expect(processingBody(options)).toEqual({
      status: 'processing',
      eta: 13.067986918399999,
      message: 'Try to fetch request after seconds estimated',
      messege: 'Try to fetch request after seconds estimated',
      webhook_status: '',
      fetch_result: 'http://localhost:8080/api/v3/dreambooth/fetch/29763508',
      id: 29763508,
      output: [],
      meta: generationMeta(options.drawing, 'v4'),
      future_links: [link],
    });
  });

  test.each([
    ['v3', '/api/v3/fetch/29763508', 'Try to fetch request after given estimated time', 13.06],
    ['v3/dreambooth', '/api/v3/dreambooth/fetch/29763508', 'given estimated time', 13.06],
    ['v6', '/api/v6/images/fetch/29763508', 'after seconds estimated', 13.06],
    ['realtime', '/api/v6/realtime/fetch/29763508', 'after seconds estimated', 14],
    ['enterprise', '/api/v1/enterprise/fetch/29763508', 'after seconds estimated', 13.06],
  ] as const)('of %s points to its own path', (version, path, message, eta) => {
    const body = processingBody({ ...options, version });
    expect(new URL(body.fetch_result).pathname).toBe(path);
    expect(body.message).toContain(message);
    expect(body.messege).toBe(body.message);
    expect(body.eta).toBeGreaterThanOrEqual(eta);
  });
});

describe('an error', () => {
  test('has its message in both spellings', () => {
    expect(errorBody(ERROR_MESSAGES.modelMissing)).toEqual({
      status: 'error',
      message: 'Model id not found',
      messege: 'Model id not found',
    });
    expect(errorBody(ERROR_MESSAGES.badKey, BAD_KEY_TIP)).toMatchObject({
      message: 'Invalid Api Key',
      tip: expect.stringContaining('Make sure you have valid API key') as unknown,
    });
  });

  test('about fields is a map of lists, and in realtime a sentence', () => {
    const error = fieldError({ prompt: ['The prompt field is required.'] });
    const fields = { prompt: ['The prompt field is required.'] };
    expect(bodyOfError(error)).toEqual({ status: 'error', message: fields, messege: fields });
    expect(bodyOfError(error, 'realtime').message).toBe('The prompt field is required.');
  });

  test('of the engine is told in its own words, any other is not told', () => {
    const error = new EngineError('out-of-memory', 'The model needs 4 GB.');
    expect(bodyOfError(error).message).toBe('The model needs 4 GB.');
    expect(bodyOfError(new TypeError('x is undefined')).message).toBe(
      'Internal server error. Please try again.',
    );
  });

  test('of a job is a failure without an id', () => {
    expect(failedBody()).toEqual({
      status: 'failed',
      id: '',
      message: 'Failed, Try Again',
      messege: 'Failed, Try Again',
      output: '',
    });
    expect(failedBody('cancelled')).toMatchObject({ message: 'cancelled', messege: 'cancelled' });
  });
});

describe("a picture's own text", () => {
  test('says how it was made', () => {
    const text = parametersText(pictureParameters(drawing({}), 0));
    expect(text).toBe(
      'a cat, sharp focus\nNegative prompt: blurry\nSteps: 30, Sampler: UniPC, ' +
        'Schedule type: Karras, CFG scale: 7.5, Seed: 2916174600, Size: 512x512, Model: midjourney',
    );
  });

  test('names the sampler as other tools do, and its own seed', () => {
    const body = { scheduler: 'DPMSolverMultistepScheduler', algorithm_type: 'dpmsolver+++' };
    const sde = drawing(
      { ...body, use_karras_sigmas: 'no', clip_skip: 2, strength: 0.4 },
      'img2img',
    );
    expect(pictureParameters(sde, 3).settings).toMatchObject({
      Sampler: 'DPM++ 2M SDE',
      'Schedule type': undefined,
      Seed: 2916174603,
      'Denoising strength': 0.4,
      'Clip skip': 2,
    });
    const ancestral = drawing({ scheduler: 'EulerAncestralDiscreteScheduler' });
    expect(pictureParameters(ancestral, 0).settings).toMatchObject({
      Sampler: 'Euler a',
      'Schedule type': undefined,
    });
  });
});
