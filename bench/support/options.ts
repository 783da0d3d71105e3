/**
 * What the measurements of graphs on a GPU can be told on the command line.
 */

import { parseArgs } from 'node:util';

import type { FloatDtype } from '../../src/tensor/dtype.ts';
import type { LatentSize } from './unet-inputs.ts';

/** See {@link graphOptions}. */
export type GraphBenchOptions = {
  readonly component: string;
  readonly size: LatentSize;
  readonly dtype: FloatDtype;
  readonly runs: number;
  readonly dawn: 'default' | 'null';
};

/**
 * `--component sd15/unet --size 1x64x64 --precision f16|f32 --runs N --null`. With `--null` on Dawn's null backend, which
 * computes nothing: what is left is the CPU's part of a run.
 */
export function graphOptions(defaults: { component: string; size: string }): GraphBenchOptions {
  const { values } = parseArgs({
    options: {
      component: { type: 'string', default: defaults.component },
      size: { type: 'string', default: defaults.size },
      precision: { type: 'string', default: 'f32' },
      runs: { type: 'string' },
      null: { type: 'boolean', default: false },
    },
  });
  return {
    component: values.component,
    size: parseSize(values.size),
    dtype: values.precision === 'f16' ? 'float16' : 'float32',
    runs: Number(values.runs ?? (values.null ? 30 : 5)),
    dawn: values.null ? 'null' : 'default',
  };
}

/** `BxHxW`: pictures in a batch, height and width of latents. */
export function parseSize(text: string): LatentSize {
  const [, batch, height, width] = /^(\d+)x(\d+)x(\d+)$/.exec(text) ?? [];
  if (batch === undefined) throw new Error(`a size is BxHxW, such as 1x64x64, and not ${text}`);
  return { batch: Number(batch), height: Number(height), width: Number(width) };
}
