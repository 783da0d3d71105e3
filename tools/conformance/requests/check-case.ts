/**
 * Sends a recorded call to the API over a stub, and tells where the answer is not what it must be.
 */

import type { DrawTask } from '../../../src/api/artist.ts';
import type { Handle } from '../../../src/api/http/cors.ts';
import { judgeImage } from '../../../src/image/source.ts';
import { imageType } from '../../../src/image/image-type.ts';
import { decodePng } from '../../../src/image/png-decoder.ts';
import { routeOf } from '../../../src/api/routes.ts';
import { mismatches } from './matchers.ts';
import type { Expectation, RequestCase, RequestStep } from './request-case.ts';
import { startStubServer, type StubServer } from './stub-server.ts';

type Json = Readonly<Record<string, unknown>>;

const ORIGIN = 'http://localhost:8080';

/**
 * Where the answer to `one` is not what it must be: sentences, none when all is well.
 *
 * @param through A door to the API; default: requests go there directly.
 */
export async function checkCase(
  one: RequestCase,
  through: (handle: Handle) => Handle = (handle) => handle,
): Promise<string[]> {
  const stub = await startStubServer(one.expect.fixtures);
  const server = { ...stub, handle: through(stub.handle) };
  const problems = await checkStep(one, server);
  const { then } = one.expect;
  const later = then === undefined ? [] : await checkStep(then, server);
  await server.queue.clear();
  return [...problems, ...later.map((problem) => `then: ${problem}`)];
}

async function checkStep(step: RequestStep, server: StubServer): Promise<string[]> {
  const { expect } = step;
  const response = await server.handle(requestOf(step));
  const text = await response.text();
  const headers = Object.fromEntries(response.headers.entries());
  const { http_status: status = 200, reply_headers: expectedHeaders = {} } = expect;
  const outside = [
    ...mismatches(response.status, status, 'the HTTP status'),
    ...mismatches(headers, { 'access-control-allow-origin': '*', ...expectedHeaders }, 'headers'),
    ...operationProblems(step),
  ];
  if (expect.status === undefined) {
    return [...outside, ...(text === '' ? [] : [`the body is ${text}, expected none`])];
  }
  const reply = JSON.parse(text) as Json;
  return [
    ...outside,
    ...mismatches(reply['status'], { $oneOf: expect.status }, 'status'),
    ...replyProblems(reply, expect),
    ...(reply['status'] === 'success' ? await outputProblems(reply, expect, server) : []),
    ...coercionProblems(expect, server),
    ...webhookProblems(expect, server),
  ];
}

function requestOf({ method = 'POST', path, headers = {}, body }: RequestStep): Request {
  const hasBody = body !== null && body !== undefined;
  const isText = typeof body === 'string';
  const type = Object.keys(headers).some((name) => /^content-type$/i.test(name));
  return new Request(ORIGIN + path, {
    method,
    headers: {
      ...(hasBody && !type ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(hasBody ? { body: isText ? body : JSON.stringify(body) } : {}),
  });
}

/** The names of endpoints are those of the operations. */
function operationProblems({ path, method = 'POST', expect }: RequestStep): string[] {
  const { operation } = expect;
  if (operation === undefined || operation === 'preflight') return [];
  const { pathname } = new URL(ORIGIN + path);
  const endpoint = routeOf(pathname)?.endpoint ?? 'unknown';
  const meant = method === 'DELETE' && endpoint === 'fetch' ? 'cancel' : endpoint;
  return mismatches(meant, operation, 'the operation');
}

/** Fields of a reply's expectation that do not lie in the reply itself. */
const ELSEWHERE = ['image_size', 'image_format', 'output_form', 'fetch_result', 'if_error'];

function replyProblems(reply: Json, { reply: expected = {} }: Expectation): string[] {
  const { status } = reply;
  const isPending = status === 'processing' && 'fetch_result' in reply;
  const entries = Object.entries(expected).filter(([name]) => {
    return !ELSEWHERE.includes(name) && name !== 'processing_output';
  });
  const fields = Object.fromEntries(entries);
  const isRefused = status === 'error' || status === 'failed';
  return [
    ...(isRefused && 'if_error' in expected ? mismatches(reply, expected['if_error']) : []),
    ...(isPending
      ? pendingProblems(reply, expected)
      : isRefused && !hasOwnWords(expected)
        ? []
        : mismatches(reply, fields, '')),
    ...(isRefused ? twinProblems(reply) : []),
    ...(status === 'success' && 'meta' in reply ? generationProblems(reply) : []),
  ];
}

/** Whether an expectation is about a refusal, and not about what follows if there is none. */
function hasOwnWords(expected: Json): boolean {
  return ['status', 'message', 'messege', 'message|messege'].some((name) => name in expected);
}

function pendingProblems(reply: Json, expected: Json): string[] {
  const { fetch_result: fetchResult, processing_output: output, meta = {} } = expected;
  return [
    ...mismatches(reply, { meta, id: { $type: 'integer' }, eta: { $type: 'number' } }),
    ...(fetchResult === undefined
      ? []
      : mismatches(reply['fetch_result'], fetchResult, 'fetch_result')),
    ...(output === undefined ? [] : mismatches(reply['output'], output, 'output')),
    ...twinProblems(reply),
  ];
}

function twinProblems(reply: Json): string[] {
  return reply['message'] === undefined
    ? ['message is absent']
    : mismatches(reply['messege'], reply['message'], 'messege');
}

function generationProblems(reply: Json): string[] {
  const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
  const { output } = reply;
  return [
    ...mismatches(reply, { id: { $type: 'integer' }, generationTime: { $type: 'number' } }),
    ...(Array.isArray(output) && output.every(isText) ? [] : ['output is no list of texts']),
  ];
}

async function outputProblems(
  reply: Json,
  { reply: expected = {} }: Expectation,
  { handle }: StubServer,
): Promise<string[]> {
  const { image_size: size, image_format: format, output_form: form } = expected;
  if (size === undefined && format === undefined && form === undefined) return [];
  const problems: string[] = [];
  for (const url of [reply['output']].flat().map(String)) {
    const response = await handle(new Request(url));
    const file =
      form === 'base64-text'
        ? Buffer.from(await response.text(), 'base64')
        : new Uint8Array(await response.arrayBuffer());
    const type = imageType(file)?.replace('image/', '');
    if (type === undefined) problems.push(`${url} is no image`);
    if (format !== undefined) problems.push(...mismatches(type, format, 'image_format'));
    if (size !== undefined && type === 'png') {
      const { width, height } = await decodePng(file);
      problems.push(...mismatches([width, height], size, 'image_size'));
    }
  }
  return problems;
}

function coercionProblems(
  { coerced, reply = {} }: Expectation,
  { drawn, enlarged }: StubServer,
): string[] {
  if (coerced === undefined) return [];
  const [first] = drawn;
  // Enlarging alone has no reading of its own to show, only what was done.
  if (first === undefined)
    return enlarged[0] === undefined ? [] : enlargedProblems(coerced, enlarged[0]);
  const { task, modelId } = first;
  const { draw_size: drawSize, ...expected } = coerced;
  const { width, height } = task.generate;
  const isInherited = task.request.width === null;
  const delivered = isInherited ? reply['image_size'] : undefined;
  const size = Array.isArray(delivered) ? { width: delivered[0], height: delivered[1] } : {};
  return [
    ...mismatches({ ...described(task, modelId), ...size }, expected, ''),
    ...(drawSize === undefined ? [] : mismatches([width, height], drawSize, 'draw_size')),
  ];
}

function enlargedProblems(
  coerced: Json,
  { scale, upscaler }: StubServer['enlarged'][number],
): string[] {
  const { scale: factor, model_id: model } = coerced;
  return mismatches([scale, upscaler], [factor, model], 'the enlarging');
}

/** A task's request in the words of the recorded expectations. */
function described({ asked }: DrawTask, modelId: string): Json {
  const images = Object.entries(asked)
    .filter((entry): entry is [string, string] => {
      return entry[0].endsWith('_image') && typeof entry[1] === 'string';
    })
    .map(([name, url]) => [name, { ...judgeImage(url), url }] as const);
  const named = { model_id: asked.model_id ?? modelId };
  return {
    ...asked,
    ...named,
    steps: asked.num_inference_steps,
    ...Object.fromEntries<unknown>(images),
  };
}

function webhookProblems({ webhook_call: call }: Expectation, { sent }: StubServer): string[] {
  return call === undefined ? [] : mismatches(sent[0]?.body, call, 'webhook_call');
}
