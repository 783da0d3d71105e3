/**
 * What is said to fit can be made: networks of full size over imagined checkpoints, on a device with the limits that WebGPU
 * guarantees. Dawn's null backend computes nothing and takes no memory, and the ledger counts every buffer: so the memory
 * that was planned is compared with what the library really asks for.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { shareWeights } from '../../bench/support/shared-weights.ts';
import { assumedConfigs, LIGHT_VAE, type ModelConfigs } from '../../src/models/families.ts';
import { UNet } from '../../src/models/unet.ts';
import { Autoencoder } from '../../src/models/vae.ts';
import { trackGpuMemory, type GpuLedger } from '../../src/runtime/gpu/ledger.ts';
import { Runtime } from '../../src/runtime/runtime.ts';
import type { FittedGraph } from '../../src/runtime/stage.ts';
import { startWebGpuHost, type WebGpuHost } from '../../src/runtime/webgpu-host.ts';
import { hostTensor, type HostTensor } from '../../src/tensor/host-tensor.ts';
import { elementCount } from '../../src/tensor/dtype.ts';
import { assumedCheckpoint } from '../../src/weights/assumed-checkpoint.ts';
import { nullGpu } from '../support/dawn.ts';

let host: WebGpuHost;
let ledger: GpuLedger;
afterEach(() => host.backend.dispose());

async function runtimeOn(): Promise<Runtime> {
  host = await startWebGpuHost({
    gpu: await nullGpu(),
    allowSoftware: true,
    spelling: 'webgpu',
    precision: 'float16',
    threads: 1,
    limits: 'default',
  });
  const { device } = host.gpu;
  ledger = trackGpuMemory(device);
  device.addEventListener('uncapturederror', (event) => event.preventDefault());
  shareWeights(host.backend, device);
  return new Runtime(host);
}

function zeros(...dims: number[]): HostTensor {
  return hostTensor(new Float32Array(elementCount(dims)), dims);
}

/** Most bytes that the library asked for beside the weights in two runs. */
async function askedFor(
  { graph }: FittedGraph,
  inputs: Record<string, HostTensor>,
): Promise<number> {
  const prepared = await host.backend.prepare(graph);
  const weights = ledger.bytesOf('weights');
  for (let i = 0; i < 2; i++) await prepared.run(inputs);
  return ledger.peakBytes - weights;
}

/** Small buffers of parameters are not planned, and some operators' own buffers are guessed: hence a tenth. */
function expectNear(planned: number, asked: number): void {
  expect(planned / asked).toBeGreaterThan(0.9);
  expect(planned / asked).toBeLessThan(1.1);
}

function unetOf(runtime: Runtime, family: 'sd1' | 'sd2'): UNet {
  const { unet } = assumedConfigs({ family }) as ModelConfigs;
  return new UNet(runtime, unet, assumedCheckpoint(`${family} UNet`));
}

const sd1 = assumedConfigs({ family: 'sd1' }) as ModelConfigs;

const whole = { controlNets: 0, isRagged: false, extraChannels: 0 };

describe('on a device with the limits that WebGPU guarantees', () => {
  it.each([
    ['SD-Turbo', 'sd2'],
    ['SD 1.5', 'sd1'],
  ] as const)('the UNet of %s takes at 512x512 what was planned', async (_, family) => {
    // The null backend has half a gigabyte, which two rows exceed.
    const rows = 1;
    const runtime = await runtimeOn();
    const { stage, config } = unetOf(runtime, family);
    const inputs = {
      sample: zeros(rows, 4, 64, 64),
      time_proj: zeros(rows, 320),
      encoder_hidden_states: zeros(rows, 77, config.contextWidth),
    };
    const fitted = runtime.fit(stage, whole, inputs);
    expect(fitted.plan.violations).toEqual([]);

    expectNear(fitted.plan.workBytes, await askedFor(fitted, inputs));
  });

  it.each([
    ['TAESD', LIGHT_VAE, 64],
    ['the autoencoder of SD 1.5', sd1.vae, 32],
  ] as const)('%s takes what was planned', async (_, config, edge) => {
    const runtime = await runtimeOn();
    const { decoder } = new Autoencoder(runtime, config, assumedCheckpoint('VAE'));
    const inputs = { latents: zeros(1, 4, edge, edge) };
    const fitted = runtime.fit(decoder, null, inputs);
    expect(fitted.plan.violations).toEqual([]);

    expectNear(fitted.plan.workBytes, await askedFor(fitted, inputs));
  });
});
