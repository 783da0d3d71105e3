/**
 * Calls to a stub server, in a word each.
 */

import { expect, vi } from 'vitest';
import type { StubServer } from '../../../tools/conformance/requests/stub-server.ts';

/** A reply's JSON. */
export type Json = Readonly<Record<string, unknown>>;

const ORIGIN = 'https://example.com';

/** POSTs a body to a path below `/api/`. */
export function post(
  { handle }: Pick<StubServer, 'handle'>,
  path: string,
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return handle(new Request(`${ORIGIN}/api/${path}`, { method: 'POST', body: text, headers }));
}

/** The JSON that answers it. */
export async function asked(
  server: Pick<StubServer, 'handle'>,
  path: string,
  body?: unknown,
): Promise<Json> {
  return (await (await post(server, path, body)).json()) as Json;
}

/** The reply to asking for the job `id` once it has ended. */
export async function endOf(server: Pick<StubServer, 'handle'>, id: number): Promise<Json> {
  const ended = async (): Promise<Json> => {
    const reply = await asked(server, `v3/fetch/${id}`);
    expect(reply['status']).not.toBe('processing');
    return reply;
  };
  return vi.waitFor(ended, { timeout: 20_000 });
}

/** GETs an address or a path below `/api/`. */
export function got({ handle }: Pick<StubServer, 'handle'>, path: string): Promise<Response> {
  return handle(new Request(path.startsWith('http') ? path : `${ORIGIN}/api/${path}`));
}
