/**
 * The safetensors reader on files that are damaged, hostile, or something else altogether.
 */

import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import { MAX_HEADER_BYTES, readSafetensors } from '../../../src/weights/safetensors.ts';
import { safetensorsFile } from '../../../src/weights/safetensors-writer.ts';
import { fileOf, watched } from './support.ts';

/** The error of reading `file`, which must be one of ours and must name the file. */
async function refusal(file: Uint8Array): Promise<string> {
  const failure: unknown = await readSafetensors(bufferSource(file, 'bad.safetensors')).then(
    () => 'it was accepted',
    (error: unknown) => error,
  );
  if (!(failure instanceof EngineError)) throw failure;
  expect(failure.code).toBe('model-malformed');
  expect(failure.message).toContain('bad.safetensors');
  return failure.message;
}

const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

const info = (dtype: unknown, shape: unknown, offsets: unknown) => ({
  dtype,
  shape,
  data_offsets: offsets,
});

const withTensors = (tensors: Record<string, unknown>, dataLength: number) =>
  fileOf(JSON.stringify(tensors), new Uint8Array(dataLength));

describe('a file that is something else is named for what it is', () => {
  it.each([
    [
      'a zip archive (PyTorch)',
      latin1('PK\x03\x04\x14\0\0\0\0\0archive/data.pkl'),
      /\.ckpt.*pickle/,
    ],
    ['an old PyTorch file', latin1('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'), /Python pickle/],
    ['a pickled dictionary', latin1('\x80\x04\x95\x10\0\0\0\0\0\0\0}'), /Python pickle/],
    ['an HTML page', latin1('<!DOCTYPE html>\n<html><body>404'), /web page/],
    ['an HTML page after blank lines', latin1('\n\n  <html lang="en">'), /web page/],
    ['a JSON error', latin1('{"error":"Repository not found"}'), /JSON text/],
    ['an empty JSON object', latin1('{}'), /JSON text/],
    ['a Git-LFS pointer', latin1('version https://git-lfs.github.com/spec/v1\noid'), /Git-LFS/],
    ['gzip', gzipSync(new Uint8Array(2000)), /gzip/],
    [
      'gzip with a plausible length field',
      latin1(`\x1f\x8b\x08\0\0\0\0\0${'x'.repeat(600_000)}`),
      /gzip/,
    ],
    ['ONNX by PyTorch', latin1('\x08\x08\x12\x07pytorch\x1a\x052.1.0'), /ONNX/],
    ['GGUF', latin1('GGUF\x03\0\0\0\0\0\0\0'), /GGUF/],
    ['an empty file', new Uint8Array(0), /empty/],
    ['a few bytes', latin1('hello'), /too short/],
    ['noise', latin1('\xff'.repeat(40)), /limit of 100000000/],
  ])('%s', async (_, file, words) => {
    expect(await refusal(file)).toMatch(words);
  });
});

describe('a header is refused', () => {
  it.each([
    ['above 100 MB', fileOf('{}', new Uint8Array(9), 100_000_001n), /above the limit/],
    ['longer than the file', fileOf('{}', new Uint8Array(9), 12n), /incomplete/],
    ['of no bytes', fileOf(''), /not JSON/],
    ['that does not begin with a brace', fileOf(' {}'), /not JSON/],
    ['that is a list', fileOf('[]'), /not JSON/],
    ['that is cut off', fileOf('{"a":{"dtype":"F16","sha'), /not valid JSON/],
    ['with text behind it', fileOf('{}{}'), /not valid JSON/],
    ['that is not UTF-8', fileOf(latin1('{"\xff":1}')), /UTF-8/],
    ['with a byte order mark', fileOf('\ufeff{}'), /not JSON/],
    ['nested too deeply', fileOf('{"a":[[[[]]]]}'), /nested/],
    ['nested by the million', fileOf(`{"a":${'['.repeat(1_000_000)}`), /nested/],
    ['with a list without end', fileOf(`{"a":[${'0,'.repeat(500_000)}0]}`), /too long/],
    ['with a name twice', fileOf('{"a":{},"a":{}}'), /"a" occurs twice/],
    ['with a name twice, once by escapes', fileOf('{"ab":{},"a\\u0062":{}}'), /"ab" occurs twice/],
    [
      'with a name twice, after a backslash',
      fileOf('{"\\\\":{},"a":{},"a":{}}'),
      /"a" occurs twice/,
    ],
    ['with a field twice', fileOf('{"a":{"dtype":"F16","dtype":"F32"}}'), /"dtype" occurs twice/],
    ['with notes that are not strings', fileOf('{"__metadata__":{"a":1}}'), /not a string/],
    ['with notes that are a list', fileOf('{"__metadata__":[]}'), /not an object/],
  ])('%s', async (_, file, words) => {
    expect(await refusal(file)).toMatch(words);
  });

  it('is not read at all when its length is impossible', async () => {
    const { source, reads } = watched(fileOf('{}', new Uint8Array(5000), 2n ** 63n));
    await expect(readSafetensors(source)).rejects.toBeInstanceOf(EngineError);
    expect(Math.max(...reads.map(([start, end]) => end - start))).toBeLessThanOrEqual(512);
  });

  it('may hold two names that differ, one inside the text of the other', async () => {
    const file = fileOf(
      '{"b":{"dtype":"F16","shape":[],"data_offsets":[0,2]},' +
        '"x\\",\\"b":{"dtype":"F16","shape":[],"data_offsets":[2,4]},' +
        '"\\\\":{"dtype":"F16","shape":[],"data_offsets":[4,6]}}',
      new Uint8Array(6),
    );
    const { tensors } = await readSafetensors(bufferSource(file, 'fine'));
    expect([...tensors.keys()]).toEqual(['b', 'x","b', '\\']);
  });
});

describe('a tensor is refused', () => {
  it.each([
    ['that is not an object', { a: 1 }, 0, /not described/],
    ['of an unknown type', { a: info('F7', [1], [0, 1]) }, 1, /"F7"/],
    ['without a type', { a: info(undefined, [1], [0, 1]) }, 1, /element type/],
    ['without a shape', { a: info('F16', undefined, [0, 2]) }, 2, /shape/],
    ['with a negative dimension', { a: info('F16', [-1], [0, 2]) }, 2, /shape/],
    ['with a broken dimension', { a: info('F16', [1.5], [0, 3]) }, 3, /shape/],
    ['with a textual dimension', { a: info('F16', ['1'], [0, 2]) }, 2, /shape/],
    ['with an unsafe dimension', { a: info('F16', [2 ** 53], [0, 2]) }, 2, /shape/],
    ['with an overflowing shape', { a: info('F16', [2 ** 30, 2 ** 30], [0, 2]) }, 2, /impossible/],
    [
      'with overflow hidden by a 0',
      { a: info('F16', [2 ** 52, 2 ** 52, 0], [0, 0]) },
      0,
      /impossible/,
    ],
    ['of 9 dimensions', { a: info('F16', [1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 2]) }, 2, /9 dimensions/],
    ['of a broken number of bytes', { a: info('F4', [3], [0, 2]) }, 2, /impossible/],
    ['without offsets', { a: info('F16', [1], undefined) }, 2, /offsets/],
    ['with one offset', { a: info('F16', [1], [0]) }, 2, /offsets/],
    ['with three offsets', { a: info('F16', [1], [0, 2, 4]) }, 4, /offsets/],
    ['that ends before it begins', { a: info('F16', [1], [2, 0]) }, 2, /offsets/],
    ['whose bytes do not fit its shape', { a: info('F32', [1], [0, 2]) }, 2, /takes 4 bytes/],
    ['that lies outside the file', { a: info('F16', [2], [0, 4]) }, 2, /incomplete/],
    [
      'that overlaps another',
      { a: info('F16', [2], [0, 4]), b: info('F16', [2], [2, 6]) },
      6,
      /"b" overlaps tensor "a"/,
    ],
    [
      'that is another',
      { a: info('F16', [2], [0, 4]), b: info('F16', [2], [0, 4]) },
      4,
      /overlaps/,
    ],
    [
      'with a hole before it',
      { a: info('F16', [1], [2, 4]) },
      4,
      /2 bytes between the header and tensor "a"/,
    ],
    [
      'with a hole behind it',
      { a: info('F16', [1], [0, 2]), b: info('I8', [1], [3, 4]) },
      4,
      /1 bytes between/,
    ],
    ['with bytes behind the last', { a: info('F16', [1], [0, 2]) }, 5, /3 bytes behind tensor "a"/],
  ])('%s', async (_, tensors, dataLength, words) => {
    expect(await refusal(withTensors(tensors, dataLength))).toMatch(words);
  });
});

describe('under fuzzing', () => {
  const good = safetensorsFile(
    [
      { name: 'a.weight', dtype: 'float16', shape: [2, 3], bytes: new Uint8Array(12) },
      { name: 'a.bias', dtype: 'float32', shape: [2], bytes: new Uint8Array(8) },
      { name: 'b', dtype: 'bfloat16', shape: [1], bytes: new Uint8Array(2) },
    ],
    { format: 'pt' },
  );

  /** What is wrong with the reader's answer to `file`: nothing, for a sound result or our error. */
  async function fault(file: Uint8Array): Promise<string | undefined> {
    const { source, reads } = watched(file);
    const limit = Math.min(file.length, MAX_HEADER_BYTES);
    try {
      const { tensors, others } = await readSafetensors(source);
      for (const { name, byteOffset, byteLength } of [...tensors.values(), ...others.values()]) {
        if (byteOffset + byteLength > file.length) return `${name} lies outside`;
      }
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'model-malformed') return String(error);
    }
    const tooFar = reads.find(([start, end]) => end > file.length || end - start > limit);
    return tooFar && `it read ${tooFar.join(' to ')}`;
  }

  /** The report of the first of many files that the reader does not handle soundly. */
  async function firstFault(files: fc.Arbitrary<Uint8Array>, numRuns: number) {
    const sound = fc.asyncProperty(files, async (file) => {
      const found = await fault(file);
      if (found !== undefined) throw new Error(found);
    });
    return fc.defaultReportMessage(await fc.check(sound, { numRuns }));
  }

  it('survives any bytes', async () => {
    expect(await firstFault(fc.uint8Array({ maxLength: 200 }), 500)).toBeUndefined();
  });

  it('survives any header text of the right length', async () => {
    const characters = Array.from('{}[]",:\\0123456789eaF16_ ');
    const text = fc.oneof(fc.json(), fc.string({ unit: fc.constantFrom(...characters) }));
    const files = fc
      .tuple(text, fc.uint8Array({ maxLength: 20 }))
      .map(([header, data]) => fileOf(`{${header}`, data));
    expect(await firstFault(files, 1000)).toBeUndefined();
  });

  it('survives any bytes of a good file changed', async () => {
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    const files = fc.array(change, { minLength: 1, maxLength: 5 }).map((changes) => {
      const file = good.slice();
      for (const [at, byte] of changes) file[at] = byte;
      return file;
    });
    expect(await firstFault(files, 2000)).toBeUndefined();
  });

  it('survives entries with any values in them', async () => {
    const number = fc.oneof(
      fc.integer({ min: 0, max: 12 }),
      fc.constantFrom(-1, 0.5, 2 ** 32, 2 ** 53, 1e300),
      fc.double(),
    );
    const list = fc.array(number, { maxLength: 3 });
    const value = fc.oneof(number, fc.string(), fc.constant(null), list);
    const entry = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom('F16', 'F32', 'BF16', 'I64', 'F4'), value),
        shape: value,
        data_offsets: fc.oneof(fc.tuple(number, number), value),
      },
      { requiredKeys: [] },
    );
    const header = fc.dictionary(fc.string(), fc.oneof(entry, value), { maxKeys: 4 });
    const files = fc
      .tuple(header, fc.nat(24))
      .map(([tensors, length]) => withTensors(tensors, length));
    expect(await firstFault(files, 1000)).toBeUndefined();
  });

  it('refuses every truncation of a good file, and any bytes added', async () => {
    const cut = Array.from(good, (_, length) => good.subarray(0, length));
    const messages = await Promise.all([...cut, Uint8Array.from([...good, 0])].map(refusal));
    expect(messages).toHaveLength(good.length + 1);
  });
});
