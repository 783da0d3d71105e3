/**
 * Access tokens: who gets them, who does not, and what is said to those who lack one.
 */

import { describe, expect, test } from 'vitest';
import { memoryTokens } from '../../../src/downloads/tokens.ts';
import { failureOf, sha256OfPattern, sha256OfSource, useScene, type Scene } from './support.ts';

const scene = useScene();
const size = 100_000;
const sha256 = sha256OfPattern(size);
const token = 'hf_secret';

function hostOf({ server }: Scene): string {
  return new URL(server.origins[0]).host;
}

describe('a token', () => {
  test('opens the files of its host', async () => {
    const here = scene();
    const url = here.server.host('gated', { size, token });
    const store = here.open();
    await store.tokens.set(hostOf(here), token);
    expect(await sha256OfSource(await store.download({ url, path: 'gated' }))).toBe(sha256);
  });

  test('goes along with a redirect on its host, and with none to another', async () => {
    const here = scene();
    const { server } = here;
    server.host('signed', { size });
    const url = server.host('resolve', { size, redirect: `${server.origins[1]}/signed` });
    const near = server.host('near', { size, redirect: '/gated2' });
    server.host('gated2', { size, token });
    const store = here.open({ tokens: { [hostOf(here)]: token } });
    await store.download({ url, path: 'far', sha256 });
    await store.download({ url: near, path: 'near', sha256 });
    expect(server.requests('resolve').map(({ authorization }) => authorization)).toEqual([
      `Bearer ${token}`,
    ]);
    expect(server.requests('signed').map(({ authorization }) => authorization)).toEqual([
      undefined,
    ]);
    expect(server.requests('gated2').map(({ authorization }) => authorization)).toEqual([
      `Bearer ${token}`,
    ]);
  });

  test('of a hub is not needed for open files, whose address is signed anew after a drop', async () => {
    const here = scene();
    const { server } = here;
    server.host('signed', { size, dropEvery: 60_000 });
    const url = server.host('resolve', { size, redirect: `${server.origins[1]}/signed` });
    await here.open().download({ url, path: 'far', sha256 });
    const [first, next] = server.requests('resolve').map(({ range }) => range);
    expect(first).toBe('bytes=0-');
    expect(next).not.toBe(first);
    expect(server.requests('signed').map(({ range }) => range)).toContain(next);
  });

  test('stays here when the host is another, or the connection is open to all', async () => {
    const here = scene();
    const url = here.server.host('free', { size });
    await here
      .open({ tokens: { 'huggingface.co': token } })
      .download({ url, path: 'free', sha256 });
    expect(here.server.requests('free')[0]).toMatchObject({ authorization: undefined });
    const { authorization } = await import('../../../src/downloads/tokens.ts');
    const tokens = memoryTokens({ 'hub.example': token });
    const sent = (address: string): Promise<unknown> => authorization(new URL(address), tokens);
    expect(await sent('https://hub.example/a')).toEqual({ authorization: `Bearer ${token}` });
    expect(await sent('http://hub.example/a')).toEqual({});
    expect(await sent('https://cdn.hub.example/a')).toEqual({});
    expect(await sent('https://hub.example:8443/a')).toEqual({});
  });

  test('can be kept, replaced and forgotten', async () => {
    const tokens = memoryTokens({ 'a.example': 'one' });
    await tokens.set('a.example', 'two');
    await tokens.set('b.example:444', 'three');
    expect(await tokens.get('a.example')).toBe('two');
    expect(await tokens.hosts()).toEqual(['a.example', 'b.example:444']);
    await tokens.delete('a.example');
    expect(await tokens.hosts()).toEqual(['b.example:444']);
  });

  test.each([
    ['https://a.example', 'one', 'is not a host'],
    ['A.example', 'one', 'is not a host'],
    ['a.example/path', 'one', 'is not a host'],
    ['', 'one', 'is not a host'],
    ['a.example', '', 'must be one word'],
    ['a.example', 'two words', 'must be one word'],
    ['a.example', 'line\nbreak', 'must be one word'],
  ])('for %j of %j is refused', async (host, word, why) => {
    const failure = await failureOf(memoryTokens().set(host, word));
    expect(failure).toMatchObject({ code: 'invalid-argument' });
    expect(String(failure)).toContain(why);
  });
});

describe('a file that is not for everybody', () => {
  test('says how to set a token, where there is none', async () => {
    const here = scene();
    const url = here.server.host('gated', { size, token });
    const failure = await failureOf(here.open().download({ url, path: 'gated.bin' }));
    const host = hostOf(here);
    expect(failure).toMatchObject({ code: 'access-denied', detail: { status: 401, host } });
    expect(String(failure)).toContain(`${host} does not give gated.bin to everybody (status 401`);
    expect(String(failure)).toContain('Invalid credentials');
    expect(String(failure)).toContain(`make an access token at ${host}`);
    expect(String(failure)).toContain('accept the model');
    expect(here.server.requests('gated')).toHaveLength(1);
  });

  test('says what may be wrong with the token there is', async () => {
    const here = scene();
    const url = here.server.host('licensed', { size, statuses: [403] });
    const store = here.open({ tokens: { [hostOf(here)]: token } });
    const failure = await failureOf(store.download({ url, path: 'licensed.bin' }));
    expect(failure).toMatchObject({ code: 'access-denied', detail: { status: 403 } });
    expect(String(failure)).toContain('its owner has accepted');
    expect(String(failure)).not.toContain(token);
  });
});
