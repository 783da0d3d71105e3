/**
 * What the limits that every WebGPU device grants are enough for, network by network.
 *
 * A line of the table names the tensors that exceed a limit: how many, of which operator, how many MiB; of each
 * node the largest. Devices usually grant 2 to 4 GiB when asked, within which everything fits.
 */

import { describe, expect, test } from 'vitest';
import type { GraphModule } from '../../../src/graph/builder.ts';
import type { Bindings } from '../../../src/graph/dim.ts';
import { chunksFor, planRun, type DeviceBudget, type RunPlan } from '../../../src/runtime/plan.ts';
import type { FloatDtype } from '../../../src/tensor/dtype.ts';
import { partsOf } from './support.ts';

const MEBI = 2 ** 20;

/** The specification's defaults: https://www.w3.org/TR/webgpu/#limits. */
const DEFAULTS: DeviceBudget = {
  maxBufferBytes: 256 * MEBI,
  maxBindingBytes: 128 * MEBI,
  throughput: undefined,
};

function planned(
  component: string,
  dtype: FloatDtype,
  pixels: number,
  budget: DeviceBudget,
): { graph: GraphModule; plan: RunPlan } {
  const [part] = partsOf(component);
  const bindings: Bindings = { B: 1, H: pixels / 8, W: pixels / 8, T: 77 };
  const attentionChunks = chunksFor({ bindings, budget, dtype, isFused: true });
  const graph = part!.write({ spelling: 'webgpu', dtype, attentionChunks });
  return { graph, plan: planRun(graph, bindings, budget) };
}

/** Of each limit, the tensors that exceed it: `count operator size`, in MiB, the largest first. */
function exceeding({ graph, plan }: { graph: GraphModule; plan: RunPlan }): string[] {
  const producers = new Map(graph.nodes.flatMap(({ op, outputs }) => outputs.map((o) => [o, op])));
  const costs = new Map(plan.cost.nodes.map((cost) => [cost.name, cost]));
  return (['buffer', 'binding'] as const).flatMap((reason) => {
    const tensors = new Map<string, number>();
    for (const violation of plan.violations.filter((each) => each.reason === reason)) {
      const { name, bytes } = costs.get(violation.node)!.largest;
      expect(violation.value).toBe(bytes);
      expect(violation.limit).toBe(
        reason === 'buffer' ? DEFAULTS.maxBufferBytes : DEFAULTS.maxBindingBytes,
      );
      tensors.set(name, bytes);
    }
    const kinds = new Map<string, number>();
    for (const [name, bytes] of [...tensors].toSorted(([, a], [, b]) => b - a)) {
      const kind = `${producers.get(name) ?? 'weight'} ${bytes / MEBI}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    const told = [...kinds].map(([kind, count]) => `${count} ${kind}`);
    return told.length === 0 ? [] : [`${reason}: ${told.join(', ')}`];
  });
}

const FITS: string[] = [];
const GATE = ['binding: 5 MatMul 160']; // the two halves of the feed-forward gate at full size

const TABLE = [
  ['sd15/unet', 'float16', 512, FITS],
  ['sd15/unet', 'float16', 768, FITS],
  ['sd15/unet', 'float16', 1024, FITS],
  ['sd15/unet', 'float32', 512, FITS],
  ['sd15/unet', 'float32', 768, FITS],
  ['sd15/unet', 'float32', 1024, GATE],
  ['sd21/unet', 'float16', 512, FITS],
  ['sd21/unet', 'float16', 768, FITS],
  ['sd21/unet', 'float16', 1024, FITS],
  ['sd21/unet', 'float32', 512, FITS],
  ['sd21/unet', 'float32', 768, FITS],
  ['sd21/unet', 'float32', 1024, GATE],
  ['sdxl/unet', 'float16', 512, FITS],
  ['sdxl/unet', 'float16', 768, FITS],
  ['sdxl/unet', 'float16', 1024, FITS],
  ['sdxl/unet', 'float32', 512, FITS],
  ['sdxl/unet', 'float32', 768, FITS],
  ['sdxl/unet', 'float32', 1024, FITS],
  // The decoder's last two levels, at full size in 256 and 128 channels.
  [
    'sd15/vae',
    'float32',
    512,
    ['binding: 1 Resize 256, 1 Conv 256, 1 GroupNorm 256, 1 Reshape 256'],
  ],
  [
    'sd15/vae',
    'float32',
    768,
    [
      'buffer: 1 Resize 576, 1 Conv 576, 1 GroupNorm 576, 1 Reshape 576, ' +
        '1 Resize 288, 7 Conv 288, 7 GroupNorm 288, 1 Reshape 288, 1 MatMul 288, 4 Add 288',
      'binding: 1 Resize 576, 1 Conv 576, 1 GroupNorm 576, 1 Reshape 576, ' +
        '1 Resize 288, 7 Conv 288, 7 GroupNorm 288, 1 Reshape 288, 1 MatMul 288, 4 Add 288, ' +
        '6 Conv 144, 5 GroupNorm 144, 1 MatMul 144, 3 Add 144',
    ],
  ],
  [
    'sd15/vae',
    'float32',
    1024,
    [
      'buffer: 1 Resize 1024, 1 Conv 1024, 1 GroupNorm 1024, 1 Reshape 1024, ' +
        '1 Resize 512, 7 Conv 512, 7 GroupNorm 512, 1 Reshape 512, 1 MatMul 512, 4 Add 512',
      'binding: 1 Resize 1024, 1 Conv 1024, 1 GroupNorm 1024, 1 Reshape 1024, ' +
        '1 Resize 512, 7 Conv 512, 7 GroupNorm 512, 1 Reshape 512, 1 MatMul 512, 4 Add 512, ' +
        '6 Conv 256, 5 GroupNorm 256, 1 MatMul 256, 3 Add 256',
    ],
  ],
] as const satisfies readonly (readonly [string, FloatDtype, number, readonly string[]])[];

describe('within the default limits', () => {
  test.each(TABLE)('%s in %s at %i pixels: %s', (component, dtype, pixels, expected) => {
    expect(exceeding(planned(component, dtype, pixels, DEFAULTS))).toEqual(expected);
  });
});

describe('within 2 GiB', () => {
  test.each(TABLE)('%s in %s at %i pixels fits', (component, dtype, pixels) => {
    const budget = { ...DEFAULTS, maxBufferBytes: 2048 * MEBI, maxBindingBytes: 2048 * MEBI };
    const { plan } = planned(component, dtype, pixels, budget);
    expect(plan.violations).toEqual([]);
    expect(plan.memoryBytes).toBe(plan.cost.weightBytes + plan.cost.peakActivationBytes);
  });
});
