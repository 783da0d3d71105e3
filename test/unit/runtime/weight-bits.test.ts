/**
 * Which weights take fewer bits: large matrices over tokens, as told by the shapes of a checkpoint, and in `auto` only
 * where a network has no room otherwise.
 */

import { describe, expect, test } from 'vitest';

import type { Backend } from '../../../src/runtime/backend.ts';
import { Runtime, type RuntimeSettings } from '../../../src/runtime/runtime.ts';
import { Stage, type StageDefinition } from '../../../src/runtime/stage.ts';
import { describedCheckpoint, describedComponent } from '../../support/described-checkpoint.ts';
import { writeUNet } from '../networks/support.ts';

const { shapes } = describedComponent('wide/unet');
const inputs = {
  sample: { dims: [1, 4, 8, 8] },
  time_proj: { dims: [1, 320] },
  encoder_hidden_states: { dims: [1, 77, 768] },
};

/** Bytes of the weights in f16, by hand: codes, and two bytes of scale for 32 of them. */
function bytesByHand(bits: 16 | 8 | 4): number {
  return Object.entries(shapes).reduce((sum, [name, shape]) => {
    const count = shape.reduce((product, dim) => product * dim, 1);
    const isMatrix = shape.length === 2 || (shape.length === 4 && shape[2] === 1);
    const isLarge = isMatrix && !/time_emb/.test(name) && count >= 2 ** 19;
    // Scale and shift of group norms are f32.
    const isGroupNorm =
      /norm([12]|_out)?\.(weight|bias)$/.test(name) && !/transformer_blocks/.test(name);
    if (isGroupNorm) return sum + 4 * count;
    return sum + (isLarge && bits < 16 ? (count * bits) / 8 + count / 16 : 2 * count);
  }, 0);
}

/** Bytes of the weights in the graph that a runtime chooses. */
function chosenBytes(
  settings: RuntimeSettings & { canQuantise?: boolean },
  definition: Partial<StageDefinition<null>> = {},
): number {
  const backend = { spelling: 'webgpu', precision: 'float16' } as Backend;
  const budget = { maxBufferBytes: 2 ** 32, maxBindingBytes: 2 ** 32, throughput: undefined };
  const runtime = new Runtime(
    {
      backend,
      budget: () => budget,
      canQuantise: settings.canQuantise ?? true,
      isFiniteOnDevice: () => Promise.resolve(true),
      recover: undefined,
    },
    settings,
  );
  const stage = new Stage({
    name: 'UNet',
    checkpoint: describedCheckpoint(shapes),
    isSafeInHalf: true,
    isQuantisable: true,
    build: (_, options) => writeUNet('wide/unet', options),
    ...definition,
  });
  return runtime.fit(stage, null, inputs).plan.cost.weightBytes;
}

const whole = bytesByHand(16);
const eighths = bytesByHand(8);
const fourths = bytesByHand(4);

describe('weights take the bits', () => {
  test.each([
    ['16, by themselves', {}, {}, whole],
    ['8 that the runtime is set to', { weightBits: 8 }, {}, eighths],
    ['4 that the runtime is set to', { weightBits: 4 }, {}, fourths],
    ['that the model is opened with', { weightBits: 16 }, { weightBits: 4 }, fourths],
    ['16 where the device computes others wrong', { weightBits: 4, canQuantise: false }, {}, whole],
    [
      '16 in networks that are not to have others',
      { weightBits: 4 },
      { isQuantisable: false },
      whole,
    ],
    ['16 without a budget', { weightBits: 'auto' }, {}, whole],
    ['16 that just have room', { weightBits: 'auto', weightBudget: whole }, {}, whole],
    ['8 where 16 have no room', { weightBits: 'auto', weightBudget: whole - 1 }, {}, eighths],
    ['4 where 8 have no room', { weightBits: 'auto', weightBudget: eighths - 1 }, {}, fourths],
    ['4 where nothing has room', { weightBits: 'auto', weightBudget: 1 }, {}, fourths],
  ] as const)('%s', (_, settings, definition, expected) => {
    expect(chosenBytes(settings, definition)).toBe(expected);
  });
});
