/**
 * Suggestions for names that are not there, over the names of a real network.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nearestNames } from '../../../src/weights/name-suggestions.ts';

type Components = { components: Record<string, { tensors: Record<string, unknown> }> };
const file = join(import.meta.dirname, '../../goldens/fullsize.json');
const { components } = JSON.parse(readFileSync(file, 'utf8')) as Components;
const NAMES = Object.keys(components['sdxl/unet']!.tensors);

describe('nearestNames', () => {
  it.each([
    ['a letter too many', 'conv_inn.weight', 'conv_in.weight'],
    ['a prefix too many', 'text_model.conv_in.weight', 'conv_in.weight'],
    [
      'a missing underscore',
      'mid_block.attentions.0.projin.weight',
      'mid_block.attentions.0.proj_in.weight',
    ],
    ['another number', 'time_embedding.linear_3.bias', 'time_embedding.linear_1.bias'],
    [
      'a missing index',
      'down_blocks.2.attentions.1.transformer_blocks.3.attn1.to_out.weight',
      'down_blocks.2.attentions.1.transformer_blocks.3.attn1.to_out.0.weight',
    ],
    [
      'an index beyond the last',
      'down_blocks.2.attentions.1.transformer_blocks.10.norm1.weight',
      'down_blocks.2.attentions.1.transformer_blocks.0.norm1.weight',
    ],
    ['the name itself', 'conv_in.weight', 'conv_in.weight'],
  ])('puts the likeliest first for %s', (_, name, best) => {
    expect(nearestNames(name, NAMES)[0]).toBe(best);
  });

  it('gives as many as asked for, and all when there are fewer', () => {
    expect(nearestNames('x', NAMES)).toHaveLength(5);
    expect(nearestNames('x', NAMES, 10)).toHaveLength(10);
    expect(nearestNames('x', new Set(['b', 'a']))).toEqual(['b', 'a']);
    expect(nearestNames('x', [])).toEqual([]);
  });

  it('stays quick when names are absurdly long', () => {
    const long = 'a.'.repeat(100_000);
    const start = performance.now();
    nearestNames(
      long,
      Array.from({ length: 50 }, () => long),
    );
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
