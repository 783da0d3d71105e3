/**
 * What a device cannot run is refused before anything is loaded for it, with the reason.
 */

import { describe, expect, test } from 'vitest';
import type { Backend, RunTensor } from '../../../src/runtime/backend.ts';
import type { DeviceBudget } from '../../../src/runtime/plan.ts';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { Stage } from '../../../src/runtime/stage.ts';
import { describedCheckpoint, describedComponent } from '../../support/described-checkpoint.ts';
import { writeUNet } from '../networks/support.ts';

const ROOMY: DeviceBudget = {
  maxBufferBytes: 2 ** 32,
  maxBindingBytes: 2 ** 32,
  throughput: undefined,
};
const RATE = { convolution: 1e12, matmul: 1e12, attention: 1e12, bytes: 1e12 };

/** Runs a UNet of real width on a device of this budget; tells whether it was prepared. */
async function attempt(budget: DeviceBudget): Promise<{ wasPrepared: boolean; error: unknown }> {
  let wasPrepared = false;
  const backend: Backend = {
    kind: 'webgpu',
    spelling: 'webgpu',
    precision: 'float32',
    isUsable: true,
    residentBytes: 0,
    uploadedBytes: 0,
    prepare: (graph) => {
      wasPrepared = true;
      return Promise.resolve({ graph, run: () => Promise.resolve({ out_sample: zeros(2) }) });
    },
    releaseCheckpoint: () => Promise.resolve(),
    dispose: () => Promise.resolve(),
  };
  const runtime = new Runtime({
    backend,
    budget: () => budget,
    canQuantise: true,
    isFiniteOnDevice: () => Promise.resolve(true),
    recover: undefined,
  });
  const stage = new Stage({
    name: 'UNet',
    checkpoint: describedCheckpoint(describedComponent('wide/unet').shapes),
    isSafeInHalf: true,
    build: (_: null, options) => writeUNet('wide/unet', options),
  });
  const inputs = {
    sample: zeros(1, 4, 32, 32),
    time_proj: zeros(1, 320),
    encoder_hidden_states: zeros(1, 77, 768),
  };
  const error: unknown = await runtime.run(stage, null, inputs).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { wasPrepared, error };
}

function zeros(...dims: number[]): RunTensor {
  return { dims, data: new Float32Array(dims.reduce((product, dim) => product * dim, 1)) };
}

describe('a device', () => {
  test('with room and speed runs', async () => {
    expect(await attempt({ ...ROOMY, throughput: RATE })).toEqual({
      wasPrepared: true,
      error: undefined,
    });
  });

  test.each([
    [
      'a dispatch longer than half a second',
      { throughput: { ...RATE, convolution: 1e9 } },
      'a single GPU task',
    ],
    ['a buffer beyond its limit', { maxBufferBytes: 2 ** 20 }, 'a buffer of'],
    ['more memory than it has', { maxMemoryBytes: 2 ** 20 }, 'memory of'],
  ])('that would need %s is refused before anything is loaded', async (_, limits, words) => {
    const { wasPrepared, error } = await attempt({ ...ROOMY, ...limits });
    expect(wasPrepared).toBe(false);
    expect(error).toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining(words) as string,
    });
  });

  test('whose bindings are small runs all the same, for the library splits them', async () => {
    expect((await attempt({ ...ROOMY, maxBindingBytes: 2 ** 20 })).error).toBeUndefined();
  });
});
