/**
 * Names of weights by path, and the three ways in which a checkpoint and a network can disagree.
 */

import { describe, expect, test } from 'vitest';
import { WeightScope } from '../../../src/graph/weight-scope.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import { openCheckpoint } from '../../../src/weights/safetensors.ts';
import { describedCheckpoint } from '../../support/described-checkpoint.ts';
import { fileOf } from '../weights/support.ts';

const scope = () =>
  WeightScope.of(
    describedCheckpoint(
      {
        'down.0.attn.to_q.weight': [8, 4],
        'down.0.attn.to_q.bias': [8],
        'down.1.attn.to_q.weight': [8, 4],
        'down_extra.weight': [2],
        'mid.weight': [3],
      },
      'unet.safetensors',
    ),
  );

describe('a path', () => {
  test('goes down by steps, by numbers, or several steps at once', () => {
    const w = scope();
    expect(w.at('down').at(0).at('attn.to_q').take('bias', [8]).name).toBe('down.0.attn.to_q.bias');
    expect(w.path).toBe('');
    expect(w.at('down').at(1).path).toBe('down.1');
    expect(w.checkpointId).toBe('unet.safetensors');
  });

  test('exists where a tensor or anything below it does', () => {
    const w = scope();
    expect(w.has('down')).toBe(true);
    expect(w.has('down.0.attn.to_q.weight')).toBe(true);
    expect(w.at('down').has('2')).toBe(false);
    expect(w.has('dow')).toBe(false);
  });

  test('is the first of several names that exists, or the first where none does', () => {
    const attn = scope().at('down.0.attn');
    expect(attn.firstOf('query', 'to_q').path).toBe('down.0.attn.to_q');
    expect(attn.firstOf('to_q', 'query').path).toBe('down.0.attn.to_q');
    expect(attn.firstOf('to_k', 'key').path).toBe('down.0.attn.to_k');
  });
});

describe('a tensor that is missing', () => {
  test('is told with the names nearest to it', () => {
    const take = () => scope().at('down.2.attn.to_q').take('weight', [8, 4]);
    expect(take).toThrow(
      expect.objectContaining({
        code: 'weights-mismatch',
        message: expect.stringMatching(
          /unet\.safetensors has no tensor "down\.2\.attn\.to_q\.weight".*down\.[01]\.attn\.to_q\.weight/,
        ),
      }),
    );
  });

  test('is told to be fp8 when it is', async () => {
    const header = JSON.stringify({
      'mid.weight': { dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] },
      'mid.bias': { dtype: 'F16', shape: [4], data_offsets: [4, 12] },
    });
    const source = bufferSource(fileOf(header, new Uint8Array(12)), 'fp8.safetensors');
    const w = WeightScope.of(await openCheckpoint('fp8', [source]));
    expect(w.at('mid').take('bias', [4]).dtype).toBe('float16');
    expect(() => w.at('mid').take('weight', [4])).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: expect.stringContaining('fp8 checkpoints are not supported'),
      }),
    );
  });
});

describe('a tensor of another shape', () => {
  test('is told with the shape it has and the shapes it may have', () => {
    const take = () => scope().at('down.0.attn.to_q').take('weight', [4, 8], [4, 8, 1, 1]);
    expect(take).toThrow(
      expect.objectContaining({
        code: 'weights-mismatch',
        message:
          "down.0.attn.to_q.weight has the shape [8, 4], but the network's config asks for [4, 8] or [4, 8, 1, 1]",
        detail: {
          tensor: 'down.0.attn.to_q.weight',
          shape: [8, 4],
          expected: [
            [4, 8],
            [4, 8, 1, 1],
          ],
        },
      }),
    );
  });

  test('is not one of fewer dimensions that reads alike', () => {
    expect(() => scope().take('mid.weight', [3, 1])).toThrow('has the shape [3]');
  });
});

describe('tensors that nothing asked for', () => {
  test('are told by name, with names nearest to the first', () => {
    const w = scope();
    w.at('down.0.attn.to_q').take('weight', [8, 4]);
    w.at('down.0.attn.to_q').take('bias', [8]);
    w.skip('mid');
    expect(() => w.assertAllUsed()).toThrow(
      expect.objectContaining({
        code: 'weights-mismatch',
        message: expect.stringMatching(
          /^2 tensors .*: down\.1\.attn\.to_q\.weight, down_extra\.weight; .*nearest.* down\.0\.attn\.to_q\.weight/,
        ),
        detail: { unused: ['down.1.attn.to_q.weight', 'down_extra.weight'] },
      }),
    );
  });

  test('may be skipped by name or by path, but not by the beginning of a name', () => {
    const w = scope();
    w.skip('down');
    w.skip('mid.weight');
    expect(() => w.assertAllUsed()).toThrow('down_extra.weight');
    w.skip('down_extra');
    expect(() => w.assertAllUsed()).not.toThrow();
  });

  test('may be skipped from further down', () => {
    const w = scope();
    w.at('down').skip('0');
    w.at('down').at(1).skip('attn');
    w.skip('mid');
    w.skip('down_extra');
    expect(() => w.assertAllUsed()).not.toThrow();
  });

  test('are counted in full and listed in part', () => {
    const shapes = Array.from({ length: 30 }, (_, i) => [`t${i}`, [1]] as const);
    const w = WeightScope.of(describedCheckpoint(Object.fromEntries(shapes)));
    expect(() => w.assertAllUsed()).toThrow(/^30 tensors .* t9, …;/);
  });
});
