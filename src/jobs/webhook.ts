/**
 * Tells an address that a job has ended: one POST of JSON, as well as can be.
 *
 * From a page the address must allow other origins to write to it (CORS), for browsers ask before they send JSON; a server
 * that does not is not reached, and nothing but the console hears of it. From Node every address can be reached.
 */

import type { Clock } from './clock.ts';

/** What sends requests: the platform's `fetch`, or a stand-in. */
export type Post = (url: string, init: RequestInit) => Promise<Response>;

/** Milliseconds until an address that does not answer is given up. */
const PATIENCE = 30_000;

/** Posts `payload` to `url`; resolves to whether it was taken (a status of 200 to 299). Never rejects. */
export async function callWebhook(
  url: string,
  payload: unknown,
  { clock, post }: { clock: Clock; post: Post },
): Promise<boolean> {
  const done = new AbortController();
  const request = new AbortController();
  const timeout = clock.sleep(PATIENCE, done.signal).then(() => request.abort());
  try {
    const { ok } = await post(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(payload),
      signal: request.signal,
    });
    return ok;
  } catch {
    return false;
  } finally {
    done.abort();
    await timeout;
  }
}
