/**
 * Whole bodies: names that stand for others, what is ignored, what is missing, and whatever else may
 * come along.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FEATURES } from '../../../src/api/schema/features.ts';
import type { FeatureName, Support } from '../../../src/api/schema/features.ts';
import { ALIASES, SILENT_FIELDS } from '../../../src/api/schema/fields.ts';
import type { Operation } from '../../../src/api/schema/request-types.ts';
import {
  generationRequest,
  img2imgRequest,
  text2imgRequest,
} from '../../../src/api/schema/requests.ts';
import { chosenSeed, seedOfPicture } from '../../../src/api/schema/seed.ts';
import { drawnSize } from '../../../src/api/schema/size.ts';
import { VERSIONS } from '../../../src/api/schema/versions.ts';
import type { ApiVersion } from '../../../src/api/schema/versions.ts';
import { attempt } from './support.ts';

const versions = Object.keys(VERSIONS) as ApiVersion[];
const init_image = 'https://example.com/a.png';

/** Warnings about a body, less the one about unchecked pictures that most have. */
function warningsOf(body: object): string[] {
  return text2imgRequest({ prompt: 'x', safety_checker: 'no', ...body }).warnings as string[];
}

describe('other names', () => {
  test('stand for the documented ones', () => {
    const body = { prompt: 'x', model: 'm', clipskip: '2', guidance: 2.5, steps: 12 };
    expect(text2imgRequest(body).request).toMatchObject({
      model_id: 'm',
      clip_skip: 2,
      guidance_scale: 2.5,
      num_inference_steps: 12,
    });
    expect(img2imgRequest({ prompt: 'x', init_image, prompt_strength: 0.4 }).request.strength).toBe(
      0.4,
    );
  });

  test('of a list are told when they are out of range, or more than what they go with', () => {
    const lora_model = 'a,b';
    expect(warningsOf({ lora_model, lora_strength: '9,0.5' })).toEqual([
      'lora_strength was changed from 9 to 5.',
    ]);
    expect(warningsOf({ lora_model, lora_strength: [1, 2, 3] })).toEqual([
      'lora_strength has 3 entries, and lora_model 2: those left over were ignored.',
    ]);
    expect(warningsOf({ lora_model, lora_strength: 0.5 })).toEqual([]);
    expect(warningsOf({ lora_strength: '1' })).toEqual([]);
    const { warnings } = generationRequest('controlnet', {
      prompt: 'x',
      init_image,
      safety_checker: 'no',
      controlnet_model: 'canny',
      controlnet_type: 'canny,depth',
      controlnet_conditioning_scale: [1, -1, 0.5],
    });
    expect(warnings.filter((text) => text.startsWith('controlnet'))).toEqual([
      'controlnet_conditioning_scale was changed from -1 to 0.',
      'controlnet_type has 2 entries, and controlnet_model 1: those left over were ignored.',
      'controlnet_conditioning_scale has 3 entries, and controlnet_model 1: those left over were ignored.',
    ]);
  });

  test('yield to documented ones that are there, empty ones excepted', () => {
    const { request } = text2imgRequest({ prompt: 'x', model_id: 'a', model: 'b', steps: 5 });
    expect(request).toMatchObject({ model_id: 'a', num_inference_steps: 5 });
    expect(warningsOf({ model_id: 'a', model: 'b' })).toEqual([
      'model was ignored, for model_id is there.',
    ]);
    expect(text2imgRequest({ prompt: 'x', model_id: '', model: 'b' }).request.model_id).toBe('b');
  });

  test('are reported under the documented name when they are wrong', () => {
    expect(() => text2imgRequest({ prompt: 'x', guidance: 'abc' })).toThrow(
      'The guidance scale field must be a number.',
    );
  });

  test('stand for fields that there are', () => {
    const { request } = img2imgRequest({ prompt: 'x', init_image });
    for (const name of Object.values(ALIASES)) expect(request).toHaveProperty(name);
  });
});

describe('fields without a meaning', () => {
  test('are listed', () => {
    expect(warningsOf({ init_image_2: 'x', s_scale: 1, strength: 0.5 })).toEqual([
      'init_image_2 has no meaning here and was ignored.',
      's_scale has no meaning here and was ignored.',
      'strength has no meaning here and was ignored.',
    ]);
  });

  test('are not worth a word when they are empty, or copied from a reply', () => {
    expect(warningsOf({ mask_image: null, control_image: '', key: 'secret' })).toEqual([]);
    const echoes = Object.fromEntries([...SILENT_FIELDS].map((name) => [name, 'no']));
    expect(warningsOf(echoes)).toEqual([]);
  });

  test('never hold the key', () => {
    expect(JSON.stringify(text2imgRequest({ prompt: 'x', key: 'secret' }))).not.toContain('secret');
  });
});

describe('an img2img request', () => {
  test('has a size of its own on the older paths', () => {
    const { request, warnings } = img2imgRequest({ prompt: 'x', init_image, width: 640 });
    expect(request).toMatchObject({ operation: 'img2img', width: 640, height: 512 });
    expect(warnings.filter((text) => text.includes('ignored'))).toEqual([]);
  });

  test('has the size of its init image on v6, whatever it says', () => {
    const body = { prompt: 'x', init_image, width: 'abc', height: 7 };
    const { request, warnings } = img2imgRequest(body, { version: 'v6' });
    expect(request).toMatchObject({ width: null, height: null });
    expect(warnings.slice(0, 2)).toEqual([
      "width was ignored: the init image's is taken.",
      "height was ignored: the init image's is taken.",
    ]);
  });

  test.each([
    [{ width: 750, height: 501 }, 1024, { width: 752, height: 504 }],
    [{ width: 512, height: 768 }, 1024, { width: 512, height: 768 }],
    [{ width: 3000, height: 2000 }, 1024, { width: 1024, height: 680 }],
    [{ width: 2000, height: 3000 }, 512, { width: 344, height: 512 }],
    [{ width: 1023, height: 10 }, 1024, { width: 1024, height: 64 }],
    [{ width: 1000, height: 1000 }, 1000, { width: 1000, height: 1000 }],
    [{ width: 1, height: 1 }, 1024, { width: 64, height: 64 }],
  ])('of an image of %j, at most %i, is drawn at %j', (image, maxSide, drawn) => {
    expect(drawnSize(image, maxSide)).toEqual(drawn);
  });
});

describe('a feature', () => {
  const asking: Record<FeatureName, unknown> = {
    lora_model: 'one',
    embeddings_model: 'one',
    vae: 'one',
    ip_adapter_id: 'ip-adapter_sd15',
    panorama: 'yes',
    self_attention: 'yes',
    highres_fix: 'yes',
    upscale: 2,
    multi_lingual: 'yes',
    tomesd: 'yes',
    safety_checker: 'yes',
    loadbalancer: 'yes',
    mask_image: 'https://example.com/mask.png',
    controlnet_model: 'canny',
  };
  const operations: Partial<Record<FeatureName, Operation>> = {
    mask_image: 'inpaint',
    controlnet_model: 'controlnet',
  };
  const readWith = (name: FeatureName, support: Support) => {
    const operation = operations[name] ?? 'text2img';
    const images = operation === 'text2img' ? {} : { init_image: 'https://example.com/cat.png' };
    const body = { prompt: 'x', ...images, [name]: asking[name] };
    const { request, drawn, warnings } = generationRequest(operation, body, {
      support: { [name]: support },
    });
    const value = (from: object): unknown => (from as Record<string, unknown>)[name];
    return { asked: value(request), drawn: value(drawn), warnings };
  };
  const names = Object.keys(FEATURES) as FeatureName[];

  test.each(names)('%s that is needed and missing is an error naming it', (name) => {
    const read = (): unknown => readWith(name, 'needed');
    expect(read).toThrow(expect.objectContaining({ code: 'unsupported' }));
    expect(Object.keys(attempt(read).fields)).toEqual([name]);
  });

  test.each(names)('%s that is optional and missing is left out, with a warning', (name) => {
    const { asked, drawn, warnings } = readWith(name, 'optional');
    expect(warnings.some((text) => text.startsWith(`${name}: `))).toBe(true);
    expect(asked).not.toEqual(drawn);
    expect(drawn).toEqual(FEATURES[name].off);
  });

  test.each(names)('%s that is ready is drawn without a word', (name) => {
    const { asked, drawn, warnings } = readWith(name, 'ready');
    expect(warnings.filter((text) => text.startsWith(`${name}: `))).toEqual([]);
    expect(drawn).toEqual(asked);
  });

  test('that is missing by default is no news, unless it is the safety checker', () => {
    const { warnings } = text2imgRequest(
      { prompt: 'x' },
      { support: { safety_checker: 'optional', tomesd: 'optional' } },
    );
    expect(warnings).toEqual(['safety_checker: not available yet; the pictures were not checked.']);
  });

  test('that nobody asks for is no error', () => {
    const allNeeded = Object.fromEntries(names.map((name) => [name, 'needed' as const]));
    const off = Object.fromEntries(names.map((name) => [name, FEATURES[name].off]));
    expect(() => text2imgRequest({ prompt: 'x', ...off }, { support: allNeeded })).not.toThrow();
  });
});

describe('seeds', () => {
  test('are the one asked for, or any', () => {
    expect(chosenSeed(0)).toBe(0);
    const seed = chosenSeed(null);
    expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
  });

  test('follow each other, around the end', () => {
    expect(seedOfPicture(7, 3)).toBe(10);
    expect(seedOfPicture(2 ** 32 - 1, 1)).toBe(0);
  });
});

describe('any body', () => {
  const { request } = img2imgRequest({ prompt: 'x', init_image });
  const known = [...Object.keys(request), ...Object.keys(ALIASES), ...SILENT_FIELDS];
  const name = fc.oneof(
    fc.constantFrom(...known, '__proto__', 'constructor', 'toString'),
    fc.string(),
  );
  const value = fc.oneof(
    fc.constantFrom('yes', 'no', '512', -1, '', null, init_image, 'null', '1e999', '1,2'),
    fc.jsonValue(),
    fc.double(),
  );
  const body = fc.oneof(
    fc.jsonValue(),
    fc.array(fc.tuple(name, value)).map((entries): unknown => Object.fromEntries(entries)),
  );

  test.each([text2imgRequest, img2imgRequest])('is read by %o, or refused by field', (read) => {
    fc.assert(
      fc.property(body, fc.constantFrom(...versions), (input, version) => {
        const { value: parsed, fields } = attempt(() => read(input, { version }));
        expect(Object.keys(fields).length > 0).toBe(parsed === undefined);
        const strangers = Object.keys(fields).filter((field) => !(field in request));
        expect(strangers.filter((field) => field !== 'body')).toEqual([]);
        for (const messages of Object.values(fields)) {
          expect(messages.length).toBeGreaterThan(0);
          for (const text of messages) expect(text).toMatch(/^The .+\.$/s);
        }
        if (parsed === undefined) return;
        const { width, height, samples, seed } = parsed.request;
        for (const side of [width, height]) {
          expect(side === null || (side % 8 === 0 && side >= 64 && side <= 1024)).toBe(true);
        }
        expect([1, 2, 3, 4]).toContain(samples);
        expect(seed === null || (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each([null, undefined, 'text', 7, [], [{}], true])('that is %j is refused', (input) => {
    expect(() => text2imgRequest(input)).toThrow('The body must be a JSON object or a form.');
  });
});
