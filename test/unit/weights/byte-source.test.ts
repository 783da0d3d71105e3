/**
 * Byte sources over a Blob, memory, a part of another source, and a file on disk: one suite for all.
 */

import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blobSource, bufferSource, subSource } from '../../../src/weights/byte-source.ts';
import type { ByteSource } from '../../../src/weights/checkpoint.ts';
import { openFileSource, type FileSource } from '../../../src/weights/node-file-source.ts';

const CONTENT = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 256);

let folder = '';
let file: FileSource;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'byte-source-'));
  await writeFile(join(folder, 'content'), CONTENT);
  file = await openFileSource(join(folder, 'content'));
});

afterAll(async () => {
  await file.close();
  await rm(folder, { recursive: true });
});

const padded = () => {
  const bytes = new Uint8Array(1013);
  bytes.set(CONTENT, 5);
  return bytes;
};

describe.each<[string, () => ByteSource]>([
  ['a Blob', () => blobSource(new Blob([CONTENT]), 'content')],
  ['memory', () => bufferSource(CONTENT, 'content')],
  ['a view into larger memory', () => bufferSource(padded().subarray(5, 1005), 'content')],
  ['a Node Buffer', () => bufferSource(Buffer.from(CONTENT), 'content')],
  ['a part of a source', () => subSource(bufferSource(padded(), 'outer'), { start: 5, end: 1005 })],
  ['a file on disk', () => file],
])('a source over %s', (_, make) => {
  it('knows its length and reads any range, empty ones too', async () => {
    const source = make();
    expect(source.size).toBe(1000);
    for (const [start, end] of [
      [0, 1000],
      [3, 17],
      [999, 1000],
      [0, 0],
      [1000, 1000],
    ] as const) {
      expect(await source.read(start, end)).toEqual(CONTENT.slice(start, end));
    }
  });

  it('hands out memory of its own', async () => {
    const source = make();
    const bytes = await source.read(10, 20);
    expect(bytes.byteOffset % 4).toBe(0);
    bytes.fill(0);
    expect(await source.read(10, 20)).toEqual(CONTENT.slice(10, 20));
  });

  it.each([
    [-1, 4],
    [0, 1001],
    [7, 6],
    [0.5, 2],
    [NaN, 2],
    [0, Infinity],
  ])('refuses the range %s to %s', async (start, end) => {
    await expect(make().read(start, end)).rejects.toMatchObject({
      name: 'EngineError',
      code: 'invalid-argument',
    });
  });

  it("rejects with the signal's own reason once aborted, before or during a read", async () => {
    const source = make();
    await expect(source.read(0, 10, AbortSignal.abort('enough'))).rejects.toBe('enough');
    const controller = new AbortController();
    const reading = source.read(0, 1000, controller.signal);
    controller.abort('later');
    // A read may have finished already; what must not happen is another kind of failure.
    await reading.then(
      (bytes) => expect(bytes).toEqual(CONTENT),
      (reason: unknown) => expect(reason).toBe('later'),
    );
  });
});

describe('a Blob that cannot be read', () => {
  const broken = (arrayBuffer: () => Promise<ArrayBuffer>) =>
    blobSource(
      { size: 100, slice: () => ({ arrayBuffer }) } as unknown as Blob,
      'gone.safetensors',
    );

  it('fails with the name of the file and what to do', async () => {
    const cause = new DOMException('permission lost', 'NotReadableError');
    await expect(broken(() => Promise.reject(cause)).read(0, 10)).rejects.toMatchObject({
      code: 'model-malformed',
      message: expect.stringMatching(/gone\.safetensors.*permission lost.*choose it again/),
      cause,
    });
  });

  it('fails when fewer bytes come than were asked for', async () => {
    await expect(broken(async () => new ArrayBuffer(3)).read(0, 10)).rejects.toThrow(
      '3 bytes came',
    );
  });

  it('lets an abort win over a read that never ends', async () => {
    const controller = new AbortController();
    const reading = broken(() => new Promise(() => undefined)).read(0, 10, controller.signal);
    controller.abort('stop');
    await expect(reading).rejects.toBe('stop');
  });
});

describe('a file on disk', () => {
  it('that became shorter is reported, not returned as zeros', async () => {
    const path = join(folder, 'shrinking');
    await writeFile(path, CONTENT);
    const source = await openFileSource(path);
    await truncate(path, 500);
    await expect(source.read(400, 600)).rejects.toMatchObject({ code: 'model-malformed' });
    await source.close();
  });

  it('that is closed cannot be read', async () => {
    const source = await openFileSource(join(folder, 'content'));
    await source.close();
    await expect(source.read(0, 1)).rejects.toMatchObject({ code: 'model-malformed' });
  });
});

describe('a part of a source', () => {
  it('keeps the name unless given one, and refuses a part outside', () => {
    const outer = bufferSource(CONTENT, 'outer');
    expect(subSource(outer, { start: 0, end: 4 }).name).toBe('outer');
    expect(subSource(outer, { start: 0, end: 4, name: 'inner' }).name).toBe('inner');
    expect(() => subSource(outer, { start: 0, end: 1001 })).toThrow('cannot read');
  });
});
