/**
 * The coercion table for numbers and flags, row by row: what clients send, and what it means.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commonFields } from '../../../src/api/schema/fields.ts';
import { img2imgRequest, text2imgRequest } from '../../../src/api/schema/requests.ts';
import { complaints, readAs } from './support.ts';
import type { Field } from './support.ts';

const ABSENT = [undefined, null, '', '  ', 'null'];

describe('an absent field, a null, an empty text and the word null', () => {
  test.each([
    ['model_id', null],
    ['width', 512],
    ['height', 512],
    ['samples', 1],
    ['num_inference_steps', 30],
    ['guidance_scale', 7.5],
    ['seed', null],
    ['scheduler', 'UniPCMultistepScheduler'],
    ['use_karras_sigmas', true],
    ['algorithm_type', 'dpmsolver++'],
    ['clip_skip', 1],
    ['vae', null],
    ['lora_model', []],
    ['lora_strength', []],
    ['embeddings_model', []],
    ['ip_adapter_id', null],
    ['ip_adapter_scale', 0.6],
    ['ip_adapter_image', null],
    ['enhance_prompt', true],
    ['enhance_style', null],
    ['multi_lingual', false],
    ['panorama', false],
    ['self_attention', false],
    ['highres_fix', false],
    ['upscale', 1],
    ['tomesd', true],
    ['safety_checker', true],
    ['safety_checker_type', 'sensitive_content_text'],
    ['base64', false],
    ['temp', false],
    ['webhook', null],
    ['instant_response', false],
    ['loadbalancer', false],
    ['output_format', 'png'],
  ] as const)('%s means %j', (field, value) => {
    for (const absent of ABSENT) expect(readAs(field, absent)).toEqual(value);
  });

  test('track_id means null, but the word is a name', () => {
    for (const absent of [undefined, null, '', ' ']) expect(readAs('track_id', absent)).toBe(null);
    expect(readAs('track_id', 'null')).toBe('null');
  });

  test('all have a default, the prompt excepted', () => {
    const names = Object.keys(
      commonFields({ limits: { maxSide: 8, maxSteps: 1 }, usualFlag: true }),
    );
    const { request } = text2imgRequest({ prompt: 'x' });
    expect(Object.keys(request)).toEqual(['operation', ...names]);
  });

  test('of a negative prompt is empty; the word is a word in a prompt', () => {
    expect(readAs('negative_prompt', null)).toBe('');
    expect(readAs('negative_prompt', ' ')).toBe('');
    expect(readAs('negative_prompt', 'null')).toBe('null');
    expect(readAs('prompt', 'null')).toBe('null');
  });

  test('are off in the realtime endpoints where flags are on elsewhere', () => {
    const { request } = text2imgRequest({ prompt: 'x' }, { version: 'realtime' });
    const { enhance_prompt, tomesd, use_karras_sigmas, safety_checker } = request;
    expect([enhance_prompt, tomesd, use_karras_sigmas, safety_checker]).toEqual(
      Array.from({ length: 4 }, () => false),
    );
  });
});

describe('whole numbers', () => {
  test.each([
    [512, 512],
    ['512', 512],
    [512.0, 512],
    [' 512 ', 512],
    ['512.0', 512],
    ['5.12e2', 512],
    ['+640', 640],
    [639.9, 632],
  ])('width %j is %j', (sent, used) => expect(readAs('width', sent)).toBe(used));

  test.each<[Field, unknown, number]>([
    ['width', 2000, 1024],
    ['width', 1020, 1016],
    ['height', 7, 64],
    ['height', -512, 64],
    ['height', '0', 64],
    ['samples', 0, 1],
    ['samples', '9', 4],
    ['samples', 2.9, 2],
    ['num_inference_steps', 0, 1],
    ['num_inference_steps', '500', 100],
    ['num_inference_steps', '51', 51],
    ['clip_skip', 0, 1],
    ['clip_skip', '12', 8],
  ])('%s %j is brought to %j, with a warning', (field, sent, used) => {
    const { request, warnings } = text2imgRequest({ prompt: 'x', [field]: sent });
    expect(request[field]).toBe(used);
    const warned = warnings.some((text) => text.startsWith(`${field} was changed from`));
    expect(warned).toBe(Number(sent) !== used);
  });

  test('have limits that are settings', () => {
    const limits = { maxSide: 2048, maxSteps: 10 };
    const body = { prompt: 'x', width: 4000, height: 1500, steps: 30 };
    const { request } = text2imgRequest(body, { limits });
    expect(request).toMatchObject({ width: 2048, height: 1496, num_inference_steps: 10 });
  });
});

describe('numbers', () => {
  test.each<[Field, unknown, number]>([
    ['guidance_scale', 7.5, 7.5],
    ['guidance_scale', '7.5', 7.5],
    ['guidance_scale', 8, 8],
    ['guidance_scale', '.5', 1],
    ['guidance_scale', 0, 1],
    ['guidance_scale', '1e3', 20],
    ['ip_adapter_scale', 1.5, 1],
    ['ip_adapter_scale', -0, 0],
  ])('%s %j is %j', (field, sent, used) => expect(readAs(field, sent)).toBe(used));

  test.each([
    [0.7, 0.7],
    ['0.3', 0.3],
    [0, 0],
    [-1, 0],
    ['7', 1],
    [null, 0.7],
  ])('strength %j is %j', (strength, used) => {
    const body = { prompt: 'x', init_image: 'https://example.com/a.png', strength };
    expect(img2imgRequest(body).request.strength).toBe(used);
  });

  const unreadable = ['abc', '12px', '0x10', '1_000', 'Infinity', 'NaN', '1e999', true, [512], {}];
  test.each(unreadable)('cannot be read from %j', (value) => {
    expect(complaints({ prompt: 'x', width: value })).toEqual({
      width: ['The width field must be a number.'],
    });
    expect(complaints({ prompt: 'x', guidance_scale: value })).toEqual({
      guidance_scale: ['The guidance scale field must be a number.'],
    });
  });
});

describe('flags', () => {
  const yes = ['yes', 'YES', 'true', 'True', 'on', 'On', '1', 1, true, ' yes '];
  const no = ['no', 'No', 'false', 'FALSE', 'off', 'OFF', '0', 0, false];

  test.each(yes)('%j is yes', (value) => {
    for (const field of ['base64', 'safety_checker', 'panorama'] as const) {
      expect(readAs(field, value)).toBe(true);
    }
  });

  test.each(no)('%j is no', (value) => {
    for (const field of ['base64', 'safety_checker', 'panorama'] as const) {
      expect(readAs(field, value)).toBe(false);
    }
  });

  test.each(['maybe', 2, '2', 'y', [], {}, 'constructor'])('cannot be read from %j', (value) => {
    expect(complaints({ prompt: 'x', tomesd: value })).toEqual({
      tomesd: ['The tomesd field must be yes or no.'],
    });
  });
});

describe('upscale', () => {
  test.each([
    ['no', 1],
    ['yes', 2],
    ['1', 1],
    ['2', 2],
    ['3', 3],
    [1, 1],
    [2, 2],
    [3, 3],
    [true, 2],
    [false, 1],
    [0, 1],
    ['8', 3],
    ['off', 1],
  ])('%j is factor %j', (sent, used) => expect(readAs('upscale', sent)).toBe(used));

  test('cannot be read from another word', () => {
    expect(complaints({ prompt: 'x', upscale: 'much' })).toEqual({
      upscale: ['The upscale field must be no, yes, 1, 2 or 3.'],
    });
  });
});

describe('a seed', () => {
  test.each([
    [42, 42],
    ['42', 42],
    [0, 0],
    ['0', 0],
    [4294967295, 4294967295],
    [4294967296, 0],
    ['4294967301', 5],
    [-1, null],
    ['-1', null],
    [-1.5, null],
    ['-1.0', null],
    [-2, 4294967294],
    [1.9, 1],
    ['-0.5', 0],
    ['123456789012345678901234567890', 1312754386],
    [2 ** 60, 0],
  ])('%j is %j', (sent, used) => expect(readAs('seed', sent)).toBe(used));

  test('of any whole number is its remainder, never negative', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }), (seed) => {
        const expected = seed === -1n ? null : Number(((seed % 2n ** 32n) + 2n ** 32n) % 2n ** 32n);
        expect(readAs('seed', String(seed))).toBe(expected);
      }),
    );
  });

  test.each(['abc', true, {}, Infinity])('cannot be read from %j', (value) => {
    expect(complaints({ prompt: 'x', seed: value })).toEqual({
      seed: ['The seed field must be a whole number, or null for a random one.'],
    });
  });
});
