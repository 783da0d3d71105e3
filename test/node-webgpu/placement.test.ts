/**
 * Where onnxruntime puts the nodes of the graphs of full size: all on the GPU, and none of them a Transpose that
 * the network does not ask for. On Dawn's null backend, which has f16, with nothing allocated.
 */

import { beforeAll, describe, expect, test } from 'vitest';

import { componentGraph, openGoldens } from '../../bench/support/components.ts';
import { PLACEMENT_GRAPHS } from '../../bench/support/placement-graphs.ts';
import { gpuNodeCount, placementOf } from '../../bench/support/placement.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { UpscalerConfig } from '../../src/networks/upscaler-config.ts';
import { upscalerGraph } from '../../src/networks/upscaler.ts';
import { requestGpuDevice } from '../../src/runtime/gpu/device.ts';
import { loadOrt, type Ort } from '../../src/runtime/ort.ts';
import { assumedCheckpoint } from '../../src/weights/assumed-checkpoint.ts';
import type { Fullsize } from '../../tools/goldens/fullsize.ts';
import { nullGpu } from '../support/dawn.ts';

/** Real-ESRGAN's, but with fewer blocks of the same kind. */
const UPSCALERS: readonly UpscalerConfig[] = [
  { kind: 'rrdb', features: 64, growth: 32, blocks: 2, unshuffle: 1 },
  { kind: 'rrdb', features: 64, growth: 32, blocks: 2, unshuffle: 2 },
  { kind: 'compact', features: 64, convolutions: 34, scale: 4 },
];

let device: GPUDevice;
let ort: Ort;
let file: Fullsize;

beforeAll(async () => {
  ({ device } = await requestGpuDevice(await nullGpu(), { allowSoftware: true }));
  ort = await loadOrt('asyncify', { threads: 1 });
  file = await openGoldens();
});

describe.each(['float16', 'float32'] as const)('in %s', (dtype) => {
  test.each(PLACEMENT_GRAPHS)('$title runs on the GPU alone', async (each) => {
    const options = { ...each.variant, spelling: 'webgpu', dtype } as const;
    const graph = await componentGraph(file, each.component, options);

    const placement = await placementOf(ort, device, graph);

    expect(placement.elsewhere).toEqual([]);
    expect(gpuNodeCount(placement)).toBeGreaterThan(50);
    expect(placement.gpu['Transpose'] ?? 0).toBe(each.transposes);
    expect(Object.keys(placement.gpu).filter((op) => op.startsWith('Memcpy'))).toEqual([]);
  });

  test.each(UPSCALERS)('an upscaler %j runs on the GPU alone', async (config) => {
    const options = { spelling: 'webgpu', dtype } as const;
    const graph = upscalerGraph(config, assumedCheckpoint('imagined'), options);

    const placement = await placementOf(ort, device, graph);

    expect(placement.elsewhere).toEqual([]);
    expect(gpuNodeCount(placement)).toBeGreaterThan(50);
    expect(placement.gpu['Transpose'] ?? 0).toBe(0);
  });

  test('the portable spelling of the UNet is placed on the GPU too', async () => {
    const placeWeight = () => 'input' as const;
    const options = { spelling: 'portable', dtype, placeWeight } as const;
    const graph = await componentGraph(file, 'sd15/unet', options);

    expect((await placementOf(ort, device, graph)).elsewhere).toEqual([]);
  });
});

test('a node that the GPU does not have is told by name', async () => {
  const builder = new GraphBuilder({ name: 'odd', spelling: 'webgpu', dtype: 'float32' });
  const x = builder.input('x', 'float32', [3, 3], 'plain');
  const positive = builder.node('Abs', [x], 'float32', [3, 3]);
  builder.output('y', builder.node('Det', [positive], 'float32', []), 'plain');

  const placement = await placementOf(ort, device, builder.finish('none'));

  expect(placement.elsewhere).toEqual(['Det (Det_1) on CPUExecutionProvider']);
  expect(placement.gpu).toEqual({ Abs: 1, MemcpyToHost: 1 });
});
