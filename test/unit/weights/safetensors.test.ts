/**
 * The safetensors reader on good files: what it finds, and how little of the file it reads.
 */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import { missingTensor } from '../../../src/weights/missing-tensor.ts';
import { openCheckpoint, readSafetensors } from '../../../src/weights/safetensors.ts';
import { safetensorsFile, safetensorsHeader } from '../../../src/weights/safetensors-writer.ts';
import { fileOf, watched } from './support.ts';

const GOLDENS = join(import.meta.dirname, '../../goldens');

const small = () =>
  safetensorsFile(
    [
      { name: 'a.weight', dtype: 'float16', shape: [2, 3], bytes: new Uint8Array(12).fill(1) },
      { name: 'a.bias', dtype: 'float32', shape: [], bytes: new Uint8Array(4).fill(2) },
      { name: 'empty', dtype: 'float32', shape: [0, 4], bytes: new Uint8Array(0) },
      { name: 'b', dtype: 'bfloat16', shape: [1], bytes: new Uint8Array(2).fill(3) },
    ],
    { format: 'pt', note: 'ünïcödé "quoted"' },
  );

describe('readSafetensors', () => {
  it('finds every tensor and the notes, and reads nothing but length and header', async () => {
    const file = small();
    const { source, reads } = watched(file);
    const { tensors, others, metadata } = await readSafetensors(source);
    const dataStart = file.length - 18;
    expect([...tensors.values()]).toEqual([
      {
        name: 'a.weight',
        dtype: 'float16',
        shape: [2, 3],
        byteOffset: dataStart,
        byteLength: 12,
        source,
      },
      {
        name: 'a.bias',
        dtype: 'float32',
        shape: [],
        byteOffset: dataStart + 12,
        byteLength: 4,
        source,
      },
      {
        name: 'empty',
        dtype: 'float32',
        shape: [0, 4],
        byteOffset: dataStart + 16,
        byteLength: 0,
        source,
      },
      {
        name: 'b',
        dtype: 'bfloat16',
        shape: [1],
        byteOffset: dataStart + 16,
        byteLength: 2,
        source,
      },
    ]);
    expect(others.size).toBe(0);
    expect(metadata).toEqual({ format: 'pt', note: 'ünïcödé "quoted"' });
    expect(reads).toEqual([
      [0, 8],
      [8, dataStart],
    ]);
  });

  it('reads every checkpoint that PyTorch wrote among the goldens', async () => {
    const files = await readdir(GOLDENS, { recursive: true });
    const checkpoints = files.filter((name) => name.endsWith('.safetensors'));
    expect(checkpoints.length).toBeGreaterThan(10);
    for (const name of checkpoints) {
      const { tensors } = await readSafetensors(
        bufferSource(await readFile(join(GOLDENS, name)), name),
      );
      // The others, LoRAs and embeddings, change a few weights.
      const isNetwork = name.startsWith('tiny-');
      expect(tensors.size).toBeGreaterThan(isNetwork ? 10 : 0);
    }
  });

  it('accepts tensors in any order, any padding by spaces, and names that objects treat specially', async () => {
    const header =
      '{"__proto__":{"dtype":"F16","shape":[1],"data_offsets":[2,4]},' +
      '"7":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},' +
      '"a\\u0062":{"shape":[2],"data_offsets":[4,8],"dtype":"BF16"}}   ';
    const { tensors } = await readSafetensors(
      bufferSource(fileOf(header, new Uint8Array(8)), 'odd.safetensors'),
    );
    expect([...tensors.keys()].toSorted()).toEqual(['7', '__proto__', 'ab']);
  });

  it('keeps tensors that are no weights apart, checked like the others', async () => {
    const header = JSON.stringify({
      position_ids: { dtype: 'I64', shape: [1, 2], data_offsets: [0, 16] },
      w: { dtype: 'F16', shape: [2], data_offsets: [16, 20] },
      tiny: { dtype: 'F8_E4M3', shape: [3], data_offsets: [20, 23] },
      nibbles: { dtype: 'F4', shape: [2], data_offsets: [23, 24] },
    });
    const source = bufferSource(fileOf(header, new Uint8Array(24)), 'mixed.safetensors');
    const { tensors, others } = await readSafetensors(source);
    expect([...tensors.keys()]).toEqual(['w']);
    expect(others.get('position_ids')).toMatchObject({
      dtype: 'I64',
      shape: [1, 2],
      byteLength: 16,
    });
    expect([...others.keys()]).toEqual(['position_ids', 'tiny', 'nibbles']);
  });

  it('stops where the signal says so', async () => {
    const signal = AbortSignal.abort('not now');
    await expect(readSafetensors(watched(small()).source, { signal })).rejects.toBe('not now');
  });
});

describe('safetensorsHeader', () => {
  it('is padded so that the data begins at a multiple of 8', () => {
    for (let length = 1; length < 12; length++) {
      const header = safetensorsHeader([
        { name: 'x'.repeat(length), dtype: 'float16', shape: [1] },
      ]);
      expect(header.length % 8).toBe(0);
    }
  });

  it('refuses a name twice, and bytes that do not fit the shape', () => {
    const tensor = { name: 'a', dtype: 'float32', shape: [1], bytes: new Uint8Array(4) } as const;
    expect(() => safetensorsHeader([tensor, tensor])).toThrow('two tensors');
    expect(() => safetensorsFile([{ ...tensor, shape: [2] }])).toThrow('takes 8 bytes');
  });
});

describe('openCheckpoint', () => {
  const part = (name: string, tensor: string) =>
    bufferSource(
      safetensorsFile([{ name: tensor, dtype: 'float16', shape: [1], bytes: new Uint8Array(2) }], {
        [name]: 'yes',
      }),
      name,
    );

  it('joins files; each entry knows its own', async () => {
    const checkpoint = await openCheckpoint('two', [part('one.st', 'a'), part('two.st', 'b')]);
    expect(checkpoint.id).toBe('two');
    expect([...checkpoint.tensors].map(([name, entry]) => [name, entry.source.name])).toEqual([
      ['a', 'one.st'],
      ['b', 'two.st'],
    ]);
    expect(checkpoint.metadata).toEqual({ 'one.st': 'yes', 'two.st': 'yes' });
  });

  it('refuses a tensor that is in two files, and names both', async () => {
    await expect(
      openCheckpoint('x', [part('one.st', 'a'), part('two.st', 'a')]),
    ).rejects.toMatchObject({
      code: 'model-malformed',
      message: expect.stringMatching(/two\.st.*"a" is also in one\.st/),
    });
  });

  it('refuses no files at all', async () => {
    await expect(openCheckpoint('x', [])).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('missingTensor', () => {
  it('says that fp8 is not supported when the tensor is there as fp8, and what to use', async () => {
    const header = '{"conv.weight":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]}}';
    const source = bufferSource(fileOf(header, new Uint8Array(3)), 'fp8.safetensors');
    const error = missingTensor(await openCheckpoint('fp8', [source]), 'conv.weight');
    expect(error.code).toBe('unsupported');
    expect(error.message).toMatch(/fp8 checkpoints are not supported.*float16/);
  });

  it('names the nearest tensors when there is none of that name', async () => {
    const error = missingTensor(
      await openCheckpoint('small', [watched(small()).source]),
      'a.wight',
    );
    expect(error.code).toBe('weights-mismatch');
    expect(error.message).toContain('a.weight');
  });
});
