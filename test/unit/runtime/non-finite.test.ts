/**
 * What becomes of NaN and infinity: f16 is repeated in f32 and remembered; in f32 it is an error.
 *
 * The backend is a stand-in, since real ones overflow only with weights that make them.
 */

import { describe, expect, test } from 'vitest';
import type { GraphModule } from '../../../src/graph/builder.ts';
import type { Backend, DeviceTensor, RunTensor } from '../../../src/runtime/backend.ts';
import { Runtime, type RuntimeHost } from '../../../src/runtime/runtime.ts';
import { Stage } from '../../../src/runtime/stage.ts';
import type { FloatDtype } from '../../../src/tensor/dtype.ts';
import { describedCheckpoint, describedComponent } from '../../support/described-checkpoint.ts';
import { WIDE_UNET_INPUTS, zeros } from '../../support/wide-unet-inputs.ts';
import { writeUNet } from '../networks/support.ts';

type Respond = (dtype: FloatDtype) => RunTensor;

/** A host whose backend answers every run with `respond`, and notes the format of each. */
function fakeHost(respond: Respond) {
  const runs: FloatDtype[] = [];
  const prepared: GraphModule[] = [];
  const backend: Backend = {
    kind: 'webgpu',
    spelling: 'webgpu',
    precision: 'float16',
    isUsable: true,
    residentBytes: 0,
    uploadedBytes: 0,
    prepare: (graph) => {
      prepared.push(graph);
      const run = () => {
        runs.push(graph.dtype);
        return Promise.resolve({ out_sample: respond(graph.dtype) });
      };
      return Promise.resolve({ graph, run });
    },
    releaseCheckpoint: () => Promise.resolve(),
    dispose: () => Promise.resolve(),
  };
  const budget = { maxBufferBytes: 2 ** 32, maxBindingBytes: 2 ** 32, throughput: undefined };
  const host: RuntimeHost = {
    backend,
    budget: () => budget,
    canQuantise: true,
    isFiniteOnDevice: (tensor) => Promise.resolve(!broken.has(tensor)),
    recover: undefined,
  };
  return { host, runs, prepared };
}

/** Device tensors that count as not finite. */
const broken = new Set<RunTensor>();

function stageOf(isSafeInHalf = true): Stage<null> {
  const checkpoint = describedCheckpoint(describedComponent('wide/unet').shapes);
  return new Stage({
    name: 'UNet',
    checkpoint,
    isSafeInHalf,
    build: (_, options) => writeUNet('wide/unet', options),
  });
}

const of = (value: number): RunTensor => ({ dims: [2], data: Float32Array.of(1, value) });

describe('a stage whose f16 result', () => {
  test('is finite runs once', async () => {
    const { host, runs } = fakeHost(() => of(2));
    const outputs = await new Runtime(host).run(stageOf(), null, WIDE_UNET_INPUTS);
    expect(outputs['out_sample']).toEqual(of(2));
    expect(runs).toEqual(['float16']);
  });

  test.each([NaN, Infinity, -Infinity])(
    'has %d is repeated in f32, and remembered',
    async (bad) => {
      const { host, runs } = fakeHost((dtype) => of(dtype === 'float16' ? bad : 3));
      const runtime = new Runtime(host);
      const stage = stageOf();
      expect(await runtime.run(stage, null, WIDE_UNET_INPUTS)).toEqual({ out_sample: of(3) });
      expect(await runtime.run(stage, null, WIDE_UNET_INPUTS)).toEqual({ out_sample: of(3) });
      expect(runs).toEqual(['float16', 'float32', 'float32']);
      expect(stage.dtypeFor('float16')).toBe('float32');
    },
  );

  test('is not finite is told apart from other stages', async () => {
    const { host, runs } = fakeHost((dtype) => of(dtype === 'float16' ? NaN : 3));
    const runtime = new Runtime(host);
    await runtime.run(stageOf(), null, WIDE_UNET_INPUTS);
    await runtime.run(stageOf(), null, WIDE_UNET_INPUTS);
    expect(runs).toEqual(['float16', 'float32', 'float16', 'float32']);
  });

  test('stays on the device is looked at there, and disposed when it is not finite', async () => {
    const disposed: FloatDtype[] = [];
    const { host, runs } = fakeHost((dtype): DeviceTensor => {
      const buffer = {} as GPUBuffer;
      const tensor = { dims: [2], buffer, dispose: () => void disposed.push(dtype) };
      if (dtype === 'float16') broken.add(tensor);
      return tensor;
    });
    await new Runtime(host).run(stageOf(), null, WIDE_UNET_INPUTS, {
      keepOnDevice: ['out_sample'],
    });
    expect(runs).toEqual(['float16', 'float32']);
    expect(disposed).toEqual(['float16']);
  });
});

describe('a stage that gives NaN in f32, too', () => {
  test('is an error that names it', async () => {
    const { host, runs } = fakeHost(() => of(NaN));
    await expect(new Runtime(host).run(stageOf(), null, WIDE_UNET_INPUTS)).rejects.toMatchObject({
      name: 'EngineError',
      code: 'non-finite',
      message: expect.stringContaining('UNet') as string,
      detail: { stage: 'UNet', dtype: 'float32' },
    });
    expect(runs).toEqual(['float16', 'float32']);
  });

  test('fails again with the next run, without trying f16', async () => {
    const { host, runs } = fakeHost(() => of(NaN));
    const runtime = new Runtime(host);
    const stage = stageOf();
    const failing = { code: 'non-finite' };
    await expect(runtime.run(stage, null, WIDE_UNET_INPUTS)).rejects.toMatchObject(failing);
    await expect(runtime.run(stage, null, WIDE_UNET_INPUTS)).rejects.toMatchObject(failing);
    expect(runs).toEqual(['float16', 'float32', 'float32']);
  });
});

describe('a stage that is not safe in f16', () => {
  test('always runs in f32', async () => {
    const { host, runs } = fakeHost(() => of(1));
    await new Runtime(host).run(stageOf(false), null, WIDE_UNET_INPUTS);
    expect(runs).toEqual(['float32']);
  });

  test('runs in f16 where that is asked for, and is not repeated', async () => {
    const { host, runs } = fakeHost(() => of(Infinity));
    const runtime = new Runtime(host, { trustHalf: true });
    await expect(runtime.run(stageOf(false), null, WIDE_UNET_INPUTS)).rejects.toMatchObject({
      code: 'non-finite',
      detail: { dtype: 'float16' },
    });
    expect(runs).toEqual(['float16']);
  });
});

describe('graphs of a stage', () => {
  test('are built once for each format and cut', async () => {
    const { host, prepared } = fakeHost(() => of(1));
    const runtime = new Runtime(host);
    const stage = stageOf();
    await runtime.run(stage, null, WIDE_UNET_INPUTS);
    await runtime.run(stage, null, { ...WIDE_UNET_INPUTS, sample: zeros(1, 4, 16, 8) });
    expect(prepared[1]).toBe(prepared[0]);
    stage.rememberOverflow();
    await runtime.run(stage, null, WIDE_UNET_INPUTS);
    expect(prepared[2]).not.toBe(prepared[0]);
  });
});
