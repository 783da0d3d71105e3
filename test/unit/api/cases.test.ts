/**
 * Recorded calls of real clients, sent to the API over a stub that can do everything, and to one that can do what is built.
 */

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FEATURES } from '../../../src/api/schema/features.ts';
import { checkCase } from '../../../tools/conformance/requests/check-case.ts';
import { readRequestCases } from '../../../tools/conformance/requests/run.ts';
import { startStubServer } from '../../../tools/conformance/requests/stub-server.ts';

const cases = readRequestCases(fileURLToPath(new URL('../../requests', import.meta.url)));

test('there are recorded calls', () => {
  expect(cases.length).toBeGreaterThan(50);
});

describe('is answered as it must be:', () => {
  test.each(cases.map(([, one]) => [one.name, one] as const))('%s', async (_, one) => {
    expect(await checkCase(one)).toEqual([]);
  });
});

describe('with what is built so far, a recorded call', () => {
  test.each(cases.map(([, one]) => [one.name, one] as const))(
    '%s is drawn, or refused for what is missing',
    async (_, { path, body, expect: { fixtures } }) => {
      const { handle } = await startStubServer(fixtures, { support: {} });
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const headers = {
        'content-type': /^\w+=/.test(text) ? 'application/x-www-form-urlencoded' : '',
      };
      const request = new Request(`http://localhost${path}`, {
        method: 'POST',
        body: text,
        headers,
      });
      const reply = (await (await handle(request)).json()) as { status: string; message: object };
      if (reply.status !== 'error' || typeof reply.message !== 'object') return;
      const understandable = ['prompt', 'scheduler', ...Object.keys(FEATURES)];
      expect(understandable).toEqual(expect.arrayContaining(Object.keys(reply.message)) as unknown);
    },
  );
});
