/**
 * Recorded calls of real clients, read and answered.
 *
 * Everything that these calls ask for counts as ready, so that reading is tested whatever the engine
 * can do so far; what it cannot is the subject of the last suite.
 */

import { describe, expect, test } from 'vitest';
import { generationMeta } from '../../../src/api/meta.ts';
import type { Drawing } from '../../../src/api/meta.ts';
import { errorBody, processingBody } from '../../../src/api/response.ts';
import { FEATURES } from '../../../src/api/schema/features.ts';
import type { FeatureName } from '../../../src/api/schema/features.ts';
import { img2imgRequest, text2imgRequest } from '../../../src/api/schema/requests.ts';
import type { Parsed, RequestOptions } from '../../../src/api/schema/requests.ts';
import type { GenerationRequest } from '../../../src/api/schema/request-types.ts';
import { drawnSize } from '../../../src/api/schema/size.ts';
import type { ApiVersion } from '../../../src/api/schema/versions.ts';
import { judgeImage } from '../../../src/image/source.ts';
import { mismatches, requestCases } from '../../support/request-cases.ts';
import type { RequestCase } from '../../support/request-cases.ts';
import { attempt } from './support.ts';

const names = Object.keys(FEATURES) as FeatureName[];
const allReady: NonNullable<RequestOptions['support']> = Object.fromEntries(
  names.map((name) => [name, name === 'loadbalancer' ? 'optional' : 'ready']),
);

const cases = requestCases();
const drawable = cases.filter(({ expect: { coerced } }) => coerced !== undefined);

function versionOf(path: string): ApiVersion {
  if (path.includes('/realtime/')) return 'realtime';
  if (path.includes('/enterprise/')) return 'enterprise';
  if (path.includes('/v3/dreambooth')) return 'v3/dreambooth';
  return /\/(v3|v4|v6)\//.exec(path)?.[1] as ApiVersion;
}

function read(
  one: RequestCase,
  support: RequestOptions['support'] = allReady,
): Parsed<GenerationRequest> {
  const { body, path } = one;
  const fields =
    typeof body === 'string' ? Object.fromEntries(new URLSearchParams(body).entries()) : body;
  const parse = one.expect.operation === 'img2img' ? img2imgRequest : text2imgRequest;
  return parse(fields, { version: versionOf(path), support });
}

/** A request in the words of the recorded expectations. */
function described(request: GenerationRequest): Record<string, unknown> {
  const image = request.operation === 'img2img' ? request.init_image : undefined;
  const judgement = image === undefined ? {} : judgeImage(image);
  return {
    ...request,
    steps: request.num_inference_steps,
    init_image: { ...judgement, url: image },
  };
}

function drawingOf(request: GenerationRequest, size: [number, number]): Drawing {
  const [width, height] = request.width === null ? size : [request.width, request.height ?? 0];
  return {
    request,
    modelId: request.model_id ?? 'default',
    prompt: request.prompt,
    negativePrompt: request.negative_prompt,
    seed: request.seed ?? 4_139_316_548,
    width,
    height,
    filePrefix: '6ef3f81f-14e1-4835-b07a-e00dbe80b6ff',
  };
}

function imageSize({ expect: { fixtures } }: RequestCase): [number, number] {
  return Object.values(fixtures?.images ?? {})[0] ?? [0, 0];
}

test('there are recorded calls to read', () => {
  expect(cases.length).toBeGreaterThan(30);
});

describe('is understood:', () => {
  test.each(drawable.map((one) => [one.name, one] as const))('%s', (_, one) => {
    const { coerced = {} } = one.expect;
    const { request } = read(one);
    const actual = described(request);
    const { draw_size: drawSize, ...expected } = coerced;
    const [width, height] = imageSize(one);
    const drawn = drawnSize({ width, height }, 1024);
    const takesImageSize = request.width === null;
    const size = takesImageSize ? { width, height, drawn: [drawn.width, drawn.height] } : {};
    const expectedSize = takesImageSize ? { drawn: drawSize ?? [width, height] } : {};
    expect(mismatches({ ...actual, ...size }, { ...expected, ...expectedSize })).toEqual([]);
  });
});

describe('is answered with the meta and links it expects:', () => {
  test.each(drawable.map((one) => [one.name, one] as const))('%s', (_, one) => {
    const { reply = {} } = one.expect;
    const version = versionOf(one.path);
    const { drawn, warnings } = read(one);
    const drawing = drawingOf(drawn, imageSize(one));
    const body = processingBody({
      version,
      id: 29763508,
      drawing,
      eta: 13.07,
      origin: 'http://localhost',
      futureLinks: [],
      warnings,
    });
    expect(body.meta).toEqual(generationMeta(drawing, version));
    expect(mismatches(body.meta, reply.meta)).toEqual([]);
    expect(mismatches(body.fetch_result, reply.fetch_result)).toEqual([]);
    const unasked = warnings.filter((text) => !text.includes('ignored'));
    const unexpected = 'warnings' in reply ? mismatches(body.warnings, reply.warnings) : unasked;
    expect(unexpected).toEqual([]);
  });
});

describe('is refused:', () => {
  const refused = ['prompt missing', 'unknown scheduler, an A1111 name'];

  test.each(refused)('%s', (name) => {
    const one = cases.find((other) => other.name === name);
    expect(one).toBeDefined();
    const { fields } = attempt(() => read(one!));
    expect(mismatches(errorBody(fields), one!.expect.reply)).toEqual([]);
  });
});

describe('with what is built so far, a recorded call', () => {
  test.each(cases.map((one) => [one.name, one] as const))('%s is read or refused', (_, one) => {
    const { value, fields } = attempt(() => read(one, {}));
    const understandable = ['prompt', 'scheduler', ...names];
    expect(Object.keys(fields).filter((name) => !understandable.includes(name))).toEqual([]);
    const operation = Object.keys(fields).length > 0 ? undefined : one.expect.operation;
    expect(value?.request.operation).toBe(operation);
  });

  test('with the placeholder of a LoRA is told that it is one', () => {
    const one = cases.find(({ name }) => name.includes('placeholder LoRA'));
    expect(one).toBeDefined();
    const refusal = (): unknown => read(one!, { lora_model: 'needed' });
    expect(refusal).toThrow('lora_model_id is a placeholder of the documentation');
  });
});
