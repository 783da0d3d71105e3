/**
 * Every f16 shader that onnxruntime writes for the networks of full size compiles. No software renderer has f16,
 * so this is a run on Dawn's null backend, which compiles and computes nothing, with one buffer for all weights.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  componentGraph,
  openGoldens,
  type ComponentGraphOptions,
} from '../../bench/support/components.ts';
import { openBenchGpu, runOnDevice, type BenchGpu } from '../../bench/support/gpu-graph.ts';
import { shareWeights } from '../../bench/support/shared-weights.ts';
import { madeInputs } from '../../bench/support/made-inputs.ts';
import type { Bindings } from '../../src/graph/dim.ts';

type Case = {
  title: string;
  component: string;
  sizes: Bindings;
  variant?: Partial<ComponentGraphOptions>;
};

const CASES: readonly Case[] = [
  { title: 'of SD 1.5', component: 'sd15/unet', sizes: { B: 2, H: 16, W: 8, T: 77 } },
  {
    title: 'of SD 1.5 inpainting with a ControlNet at an odd size',
    component: 'sd15/unet',
    sizes: { B: 1, H: 12, W: 9, T: 77 },
    variant: { isRagged: true, controlNets: 1, inChannels: 9 },
  },
  { title: 'of SD 2.1', component: 'sd21/unet', sizes: { B: 1, H: 8, W: 8, T: 77 } },
  { title: 'of LCM', component: 'lcm/unet', sizes: { B: 1, H: 8, W: 8, T: 154 } },
  { title: 'of SDXL', component: 'sdxl/unet', sizes: { B: 1, H: 16, W: 16, T: 77 } },
  {
    title: 'of the ControlNet',
    component: 'sd15/controlnet',
    sizes: { B: 2, H: 8, W: 8, T: 77 },
  },
  {
    title: "of SD 1.5's text encoder",
    component: 'sd15/text_encoder',
    sizes: { B: 2, T: 77 },
  },
  {
    title: "of SD 2.1's text encoder",
    component: 'sd21/text_encoder',
    sizes: { B: 1, T: 77 },
  },
  {
    title: "of SDXL's second text encoder",
    component: 'sdxl/text_encoder_2',
    sizes: { B: 1, T: 77 },
  },
  { title: 'of the VAE decoder', component: 'sd15/vae', sizes: { B: 1, H: 12, W: 8 } },
  {
    title: 'of the VAE decoder with its attention in 4 pieces',
    component: 'sd15/vae',
    sizes: { B: 1, H: 12, W: 8 },
    variant: { attentionChunks: () => 4 },
  },
  {
    title: 'of the VAE encoder',
    component: 'sd15/vae',
    sizes: { B: 1, H: 32, W: 24 },
    variant: { half: 'encoder' },
  },
];

let gpu: BenchGpu;

beforeEach(async () => {
  gpu = await openBenchGpu('float16', 'null');
  shareWeights(gpu.host.backend, gpu.host.gpu.device);
});

afterEach(() => gpu.host.backend.dispose());

describe.each(['webgpu', 'portable'] as const)('the f16 shaders of the %s spelling', (spelling) => {
  test.each(CASES)('$title compile', async ({ component, sizes, variant }) => {
    const file = await openGoldens();
    const placeWeight = () => 'input' as const;
    const options = { ...variant, spelling, dtype: 'float16', placeWeight } as const;
    const graph = await componentGraph(file, component, options);
    const prepared = await gpu.host.backend.prepare(graph);

    await runOnDevice(prepared, madeInputs(graph, sizes));
    await gpu.host.gpu.device.queue.onSubmittedWorkDone();

    expect(gpu.host.gpu.uncapturedErrors).toEqual([]);
  });
});
