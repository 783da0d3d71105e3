/**
 * Thousands of bodies, paths and methods: the handler never throws, never hangs, and always answers JSON with a status.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ROUTES } from '../../../src/api/routes.ts';
import { ALIASES } from '../../../src/api/schema/fields.ts';
import { text2imgRequest } from '../../../src/api/schema/requests.ts';
import {
  startStubServer,
  type StubServer,
} from '../../../tools/conformance/requests/stub-server.ts';

const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC';

/** Replies that the API documents without a status. */
const WITHOUT_STATUS = ['schedulers_list', 'model_list'];

const STATUSES = ['success', 'processing', 'error', 'failed', 'ok'];

const NAMES = [
  ...Object.keys(text2imgRequest({ prompt: 'x' }).request),
  ...Object.keys(ALIASES),
  ...'init_image mask_image control_image strength controlnet_model controlnet_type url scale'.split(
    ' ',
  ),
  ...'controlnet_conditioning_scale guess_mode auto_hint request_id base64_image key crop'.split(
    ' ',
  ),
  ...'base64_string image face_enhance __proto__ constructor toString'.split(' '),
];

const TEXTS = [
  ...' |null|yes|no|true|0|-1|1e3|NaN|Infinity|0x10|a,b,,c|jpeg|origami|default'.split('|'),
  ...'UniPCMultistepScheduler|((a cat:1.3)|https://example.com/a.png| http://[|blob:x'.split('|'),
  ...'data:image/png;base64,AAAA|data:,|\u0000|\ud800'.split('|'),
  PIXEL,
];

const value = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 64, 1e308, [], {}, [null], [['a']], {
    a: 1,
  }),
  fc.string(),
  fc.double(),
  fc.jsonValue(),
);

const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.string() },
);

/** Pictures are small unless a body insists: what is drawn is not the matter here. */
const body = fc
  .dictionary(name, value, { maxKeys: 4 })
  .map((fields) => ({ prompt: 'a cat', init_image: PIXEL, width: 64, height: 64, ...fields }))
  .map((fields) => ({ ...fields, upscale: 'no' }));

const paths = [...ROUTES.keys()];

type Reply = { readonly status?: unknown; readonly message?: unknown };

async function answered(
  server: StubServer,
  path: string,
  init: RequestInit,
): Promise<{ code: number; reply: Reply | undefined }> {
  const response = await server.handle(new Request(`http://localhost/api/${path}`, init));
  const text = await response.text();
  return {
    code: response.status,
    reply: text === '' ? undefined : (JSON.parse(text) as Reply),
  };
}

/** What is wrong with a reply; undefined when nothing is. */
function problemWith(path: string, reply: Reply | undefined): string | undefined {
  if (WITHOUT_STATUS.includes(ROUTES.get(path)?.endpoint ?? '')) return undefined;
  const { status, message } = reply ?? {};
  if (!STATUSES.includes(String(status))) return `the status is ${String(status)}`;
  if (status !== 'error') return undefined;
  // A refusal says which field, or which thing, is wrong; nothing that was sent breaks anything inside.
  if (message === 'Internal server error. Please try again.') return 'something broke inside';
  if (typeof message === 'string') return message === '' ? 'there is no reason' : undefined;
  return Object.keys(message as object).length === 0 ? 'no field is named' : undefined;
}

test('any fields to any endpoint are answered with JSON that has a status', async () => {
  const settings = { limits: { maxSide: 128, maxSteps: 100 }, waitSeconds: 5 };
  const server = await startStubServer({}, { settings });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), body, async (path, fields) => {
      const init = { method: 'POST', body: JSON.stringify(fields) };
      const { code, reply } = await answered(server, path, init);
      expect({ code, problem: problemWith(path, reply) }).toEqual({ code: 200 });
    }),
    { numRuns: 3000 },
  );
  // Not all of it is refused at the door.
  expect(server.drawn.length).toBeGreaterThan(100);
});

test('a single bad field is named', async () => {
  const numbers = 'width height samples num_inference_steps guidance_scale clip_skip seed'.split(
    ' ',
  );
  const flags = 'safety_checker base64 temp enhance_prompt'.split(' ');
  const bad = fc.oneof(
    fc.tuple(fc.constantFrom(...numbers), fc.constantFrom<unknown>('abc', {}, [], 'true')),
    fc.tuple(fc.constantFrom(...flags), fc.constantFrom<unknown>('maybe', {}, 7)),
    fc.constantFrom<[string, unknown]>(
      ['scheduler', 'Euler a'],
      ['lora_strength', 'strong'],
      ['track_id', {}],
      ['output_format', 'gif'],
      ['prompt', ['a']],
    ),
  );
  const server = await startStubServer();
  const versions = ['v3/text2img', 'v4/dreambooth', 'v6/images/text2img', 'v1/enterprise/text2img'];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...versions), bad, async (path, [field, wrong]) => {
      const fields = { prompt: 'a cat', [field]: wrong };
      const init = { method: 'POST', body: JSON.stringify(fields) };
      const { reply } = await answered(server, path, init);
      expect(reply?.status).toBe('error');
      expect(Object.keys(reply?.message as object)).toEqual([field]);
    }),
    { numRuns: 300 },
  );
});

test('any path, method, header and text is answered with JSON', async () => {
  const server = await startStubServer({ keys: ['k'] }, { settings: { waitSeconds: 5 } });
  const path = fc.oneof(
    fc.constantFrom(...paths),
    fc.tuple(fc.constantFrom(...paths), fc.webPath()).map(([a, b]) => a + b),
    fc.webPath(),
    fc.constantFrom('outputs/x', 'outputs/%zz', 'outputs/', '../v3', '%00'),
  );
  const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD');
  const type = fc.constantFrom(
    'application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'multipart/form-data',
    'text/plain',
    '',
  );
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.constantFrom('{"prompt":"x","key":"k","width":64}', 'prompt=x&key=k&width=64'),
  );
  await fc.assert(
    fc.asyncProperty(path, method, type, text, async (where, verb, kind, content) => {
      const hasBody = verb !== 'GET' && verb !== 'HEAD';
      const { code, reply } = await answered(server, where, {
        method: verb,
        headers: { 'content-type': kind },
        ...(hasBody ? { body: content } : {}),
      });
      expect([200, 404]).toContain(code);
      expect(reply).toBeTypeOf('object');
    }),
    { numRuns: 2000 },
  );
});
