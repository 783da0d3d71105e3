/**
 * What a hub says of its files, and that downloads from it are checked against that.
 */

import { describe, expect, test } from 'vitest';
import { parseHubUrl } from '../../../src/downloads/hub.ts';
import { failureOf, sha256OfPattern, sha256OfSource, useScene, type Scene } from './support.ts';

const scene = useScene();
const size = 100_000;
const sha256 = sha256OfPattern(size);
const weights = 'unet/diffusion model.safetensors';

/** An entry as https://huggingface.co/api/models/…/tree/main gives it. */
function entry(path: string, lfs?: string): object {
  const oid = 'a1b2c3d4e5f60718293a4b5c6d7e8f9001122334';
  return lfs === undefined
    ? { type: 'file', oid, size: 10, path }
    : { type: 'file', oid, size, path, lfs: { oid: lfs, size, pointerSize: 134 } };
}

/** Hosts a tree in two pages, as a hub does with more than a thousand files. */
function hostTree({ server }: Scene, digest: string): void {
  const path = 'api/models/owner/model/tree/main?recursive=true';
  const first = [{ type: 'directory', oid: '0', size: 0, path: 'unet' }, entry(weights, digest)];
  const next = `${server.origins[0]}/${path}&cursor=2`;
  const page = (entries: object[]): { size: number; text: string; type: string; ranges: false } => {
    const text = JSON.stringify(entries);
    return { size: text.length, text, type: 'application/json', ranges: false };
  };
  server.host(path, { ...page(first), link: `<${next}>; rel="next"` });
  server.host(`${path}&cursor=2`, page([entry('model_index.json')]));
}

const resolved = `owner/model/resolve/main/${weights.replace(' ', '%20')}`;

describe('a hub', () => {
  test('lists the files of a repository, with digests of the large ones', async () => {
    const here = scene();
    hostTree(here, sha256);
    const [hub] = here.server.origins;
    const where = { hub, repository: 'owner/model', revision: 'main' };
    expect(await here.open().listHub(where)).toEqual([
      { path: weights, url: `${hub}/${resolved}`, size, sha256 },
      {
        path: 'model_index.json',
        url: `${hub}/owner/model/resolve/main/model_index.json`,
        size: 10,
        sha256: undefined,
      },
    ]);
  });

  test('tells the digest that a download is checked against', async () => {
    const here = scene();
    hostTree(here, sha256);
    const url = here.server.host(resolved, { size });
    const store = here.open();
    const source = await store.download({ url, path: 'model' });
    expect(await sha256OfSource(source)).toBe(sha256);
    expect(await store.list()).toMatchObject([{ sha256, verified: true }]);
    // What is here is not asked about again.
    const before = here.server.seen.length;
    await store.download({ url, path: 'model' });
    expect(here.server.seen).toHaveLength(before);
  });

  test('is asked once for a folder of files, and again later', async () => {
    const here = scene();
    hostTree(here, sha256);
    const store = here.open();
    const asked = (): number =>
      here.server.requests('api/models/owner/model/tree/main?recursive=true').length;
    for (const file of ['model_index.json', weights]) {
      const escaped = file.replace(' ', '%20');
      const path = `owner/model/resolve/main/${escaped}`;
      const url = here.server.host(path, { size: file === weights ? size : 10 });
      await store.download({ url, path: file });
    }
    expect(asked()).toBe(1);
    await store.delete(weights);
    await here.clock.sleep(600_000);
    await store.download({ url: `${here.server.origins[0]}/${resolved}`, path: weights });
    expect(asked()).toBe(2);
  });

  test('has its digest believed rather than its file', async () => {
    const here = scene();
    hostTree(here, sha256OfPattern(size, 2));
    const url = here.server.host(resolved, { size });
    const failure = await failureOf(here.open().download({ url, path: 'model' }));
    expect(failure).toMatchObject({ code: 'integrity-mismatch' });
  });

  test('is asked with the token of its host, and may be in trouble for a while', async () => {
    const here = scene();
    const text = '[]';
    const path = 'api/models/owner/private/tree/a%2Fbranch?recursive=true';
    here.server.host(path, { size: 2, text, token: 'hf_x', statuses: [500], ranges: false });
    const [hub] = here.server.origins;
    const where = { hub, repository: 'owner/private', revision: 'a/branch' };
    const store = here.open();
    expect(await failureOf(store.listHub(where))).toMatchObject({ code: 'access-denied' });
    await store.tokens.set(new URL(hub).host, 'hf_x');
    expect(await store.listHub(where)).toEqual([]);
    expect(here.clock.waits).toEqual([1000]);
  });

  test.each([
    ['no JSON', 'nonsense'],
    ['another shape', '{"error":"x"}'],
    ['digests that are none', JSON.stringify([entry('a', 'sha256:1')])],
  ])('that answers with %s is named', async (_, text) => {
    const here = scene();
    const path = 'api/models/odd/odd/tree/main?recursive=true';
    here.server.host(path, { size: text.length, text, ranges: false });
    const [hub] = here.server.origins;
    const where = { hub, repository: 'odd/odd', revision: 'main' };
    const failure = await failureOf(here.open().listHub(where));
    expect(failure).toMatchObject({ code: 'download-failed' });
    expect(String(failure)).toContain('did not answer with a list of files');
  });

  test('cannot send the token on to another host with its next page', async () => {
    const here = scene();
    const [hub, other] = here.server.origins;
    const path = 'api/models/evil/evil/tree/main?recursive=true';
    here.server.host(path, {
      size: 2,
      text: '[]',
      ranges: false,
      link: `<${other}/x>; rel="next"`,
    });
    const where = { hub, repository: 'evil/evil', revision: 'main' };
    expect(await failureOf(here.open().listHub(where))).toMatchObject({ code: 'download-failed' });
    expect(here.server.requests('x')).toEqual([]);
  });
});

describe('the address of a file on a hub', () => {
  const hubs = ['https://huggingface.co'];
  test.each([
    ['https://huggingface.co/a/b/resolve/main/c/d.bin', 'a/b', 'main', 'c/d.bin'],
    ['https://huggingface.co/gpt2/resolve/main/config.json', 'gpt2', 'main', 'config.json'],
    ['https://huggingface.co/a/b/resolve/refs%2Fpr%2F1/c%20d?x=1', 'a/b', 'refs/pr/1', 'c d'],
  ])('%s is taken apart', (url, repository, revision, path) => {
    const [hub] = hubs;
    expect(parseHubUrl(new URL(url), hubs)).toEqual({ hub, repository, revision, path });
  });
  test.each([
    'https://huggingface.co/a/b/blob/main/c',
    'https://huggingface.co/datasets/a/b/resolve/main/c',
    'https://example.com/a/b/resolve/main/c',
    'https://huggingface.co/',
  ])('%s is none', (url) => {
    expect(parseHubUrl(new URL(url), hubs)).toBeUndefined();
  });
});
