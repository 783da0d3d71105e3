/**
 * The runtime on a real device (SwiftShader): what it uploads, what it survives, what it refuses.
 */

import { beforeAll, describe, expect, it } from 'vitest';

import { ControlNet } from '../../src/models/controlnet.ts';
import { TextEncoder as ClipTextEncoder } from '../../src/models/text-encoder.ts';
import type { UNetInputs } from '../../src/models/network-inputs.ts';
import { UNet } from '../../src/models/unet.ts';
import { Autoencoder } from '../../src/models/vae.ts';
import type { ClipOutput } from '../../src/networks/clip-text.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { startRuntime, type RuntimeOptions } from '../../src/runtime/start.ts';
import { memoryVerdictStore } from '../../src/runtime/self-check/verdict-store.ts';
import type { WebGpuBackend } from '../../src/runtime/webgpu-backend.ts';
import { values } from '../../src/runtime/self-check/values.ts';
import type { HostTensor } from '../../src/tensor/host-tensor.ts';
import { relativeError } from '../../tools/conformance/case.ts';
import { GoldenFolder } from '../../tools/conformance/folder.ts';
import { softwareGpu } from '../support/dawn.ts';
import { readGolden } from '../support/goldens.ts';

const folder = new GoldenFolder(readGolden);
const setting = { spelling: 'webgpu', precision: 'float32' } as const;
let gpu: GPU;

beforeAll(async () => {
  gpu = await softwareGpu();
});

async function start(options: RuntimeOptions = {}): Promise<Runtime> {
  const { runtime } = await startRuntime({
    backend: 'webgpu',
    gpu,
    allowSoftware: true,
    setting,
    ...options,
  });
  return runtime;
}

function backendOf(runtime: Runtime): WebGpuBackend {
  return runtime.backend as WebGpuBackend;
}

async function open<T>(
  runtime: Runtime,
  path: string,
  model: new (
    ...args: [Runtime, Record<string, unknown>, Awaited<ReturnType<GoldenFolder['checkpoint']>>]
  ) => T,
): Promise<T> {
  return new model(
    runtime,
    await folder.json(`${path}/config.json`),
    await folder.checkpoint(path),
  );
}

function noise(seed: number, dims: readonly number[]): HostTensor {
  return {
    dims,
    data: values(
      seed,
      dims.reduce((product, dim) => product * dim, 1),
    ),
  };
}

function unetInputs(batch: number, height: number, width: number, tokens: number): UNetInputs {
  return {
    sample: noise(1, [batch, 4, height, width]),
    timesteps: [500],
    context: noise(2, [batch, tokens, 32]),
  };
}

/** A network with few kernels, for tests in which the network does not matter: shaders take SwiftShader longest. */
async function openTinyVae(runtime: Runtime): Promise<Autoencoder> {
  return open(runtime, 'tiny-taesd', Autoencoder);
}

const latents = noise(4, [1, 4, 4, 4]);

/** What that network makes of these latents, computed on wasm. */
async function decodedOnWasm(path = 'tiny-taesd', input = latents): Promise<HostTensor> {
  const { runtime } = await startRuntime({ backend: 'wasm' });
  const picture = (await (await open(runtime, path, Autoencoder)).decode(input)) as HostTensor;
  await runtime.dispose();
  return picture;
}

describe('weights on the GPU', () => {
  it('are uploaded once, whatever the batch, size, prompt length, clip skip and ControlNet inputs', async () => {
    const runtime = await start();
    const unet = await open(runtime, 'tiny-sd15/unet', UNet);
    const text = await open(runtime, 'tiny-sd15/text_encoder', ClipTextEncoder);
    const state = (layer: number): ClipOutput[] => [
      { kind: 'hidden', name: 'state', layer, normed: true },
    ];
    const ids = Array.from({ length: 77 }, (_, i) => i);
    await unet.predict(unetInputs(1, 8, 8, 77));
    await text.encode(ids, 77, state(-1));
    const before = runtime.backend.uploadedBytes;
    const resident = runtime.backend.residentBytes;
    expect(before).toBeGreaterThan(1e6);

    await unet.predict(unetInputs(2, 16, 24, 77));
    await unet.predict(unetInputs(1, 8, 8, 154));
    await unet.predict(unetInputs(1, 9, 13, 77)); // no multiple of anything: the graph that crops
    await text.encode(ids, 77, state(-2));
    await text.encode(ids.slice(0, 40), 20, state(-1));
    expect(runtime.backend.uploadedBytes - before).toBe(0);

    const net = await open(runtime, 'tiny-controlnet', ControlNet);
    const inputs = unetInputs(1, 8, 8, 77);
    const control = await net.residuals({
      ...inputs,
      hint: noise(3, [1, 3, 64, 64]),
      conditioningScale: 1,
    });
    const withNet = runtime.backend.uploadedBytes;
    await unet.predict({ ...inputs, control: [control] });
    expect(runtime.backend.uploadedBytes - withNet).toBe(0);

    await runtime.backend.releaseCheckpoint(net.stage.checkpoint.id);
    expect(runtime.backend.residentBytes).toBe(resident);
    await runtime.backend.releaseCheckpoint(unet.stage.checkpoint.id);
    await runtime.backend.releaseCheckpoint(text.stage.checkpoint.id);
    expect(runtime.backend.residentBytes).toBe(0);
    expect(backendOf(runtime).ledger.bytesOf('weights')).toBe(0);
    await runtime.dispose();
  });
});

describe('a size that is no multiple of eight latents', () => {
  it('gives the numbers that the portable spelling gives on wasm', async () => {
    const onGpu = await start();
    const { runtime: onWasm } = await startRuntime({ backend: 'wasm' });
    const inputs = unetInputs(1, 9, 13, 77);
    const [computed, expected] = await Promise.all(
      [onGpu, onWasm].map(async (runtime) =>
        (await open(runtime, 'tiny-sd15/unet', UNet)).predict(inputs),
      ),
    );
    expect(
      relativeError({ computed: computed as HostTensor, expected: expected as HostTensor }),
    ).toBeLessThan(1e-4);
    await Promise.all([onGpu.dispose(), onWasm.dispose()]);
  });
});

describe('a device that is lost', () => {
  it('in the middle of a run is replaced and the run repeated, with the same numbers', async () => {
    const expected = await decodedOnWasm();
    const runtime = await start();
    const vae = await openTinyVae(runtime);
    const before = (await vae.decode(latents)) as HostTensor;
    expect(relativeError({ computed: before, expected })).toBeLessThan(1e-3);
    for (const delay of [0, 10]) {
      const { device } = backendOf(runtime).gpu;
      const running = vae.decode(latents);
      setTimeout(() => device.destroy(), delay);
      await device.lost;
      const computed = (await running) as HostTensor;
      expect([...computed.data]).toEqual([...before.data]);
      const again = (await vae.decode(latents)) as HostTensor;
      expect([...again.data]).toEqual([...before.data]);
      expect(backendOf(runtime).gpu.device).not.toBe(device);
    }
    await runtime.dispose();
  });

  it('is an error where an input was lost with it, and the next run works', async () => {
    const runtime = await start();
    const vae = await openTinyVae(runtime);
    const backend = backendOf(runtime);
    const { device } = backend.gpu;
    const buffer = device.createBuffer({ size: 4096, usage: 0x80 | 0x4 | 0x8 });
    const running = vae.decode({ dims: [1, 4, 4, 4], buffer, dispose: () => buffer.destroy() });
    device.destroy();
    await expect(running).rejects.toMatchObject({ code: 'device-lost' });
    // So is whatever else is done on it, by which browsers say that in words of their own.
    const reading = backend.attempt(() => Promise.reject(new Error('mapAsync failed')));
    await expect(reading).rejects.toMatchObject({ code: 'device-lost' });
    const computed = (await vae.decode(latents)) as HostTensor;
    expect(relativeError({ computed, expected: await decodedOnWasm() })).toBeLessThan(1e-3);
    await runtime.dispose();
  });
});

describe('device profiles', () => {
  it("WebGPU's default limits are enough for a small model, and large pictures are cut into tiles", async () => {
    const runtime = await start({ limits: 'default' });
    expect(runtime.budget('float32').maxBindingBytes).toBe(128 * 2 ** 20);
    const vae = await openTinyVae(runtime);
    const computed = (await vae.decode(latents)) as HostTensor;
    expect(relativeError({ computed, expected: await decodedOnWasm() })).toBeLessThan(1e-3);
    expect(vae.tileFor('decode', 128, 128)).toBeUndefined();
    expect(vae.tileFor('decode', 512, 512)).toBeGreaterThanOrEqual(64);
    const unet = await open(runtime, 'tiny-sd15/unet', UNet);
    const sample = { dims: [1, 4, 4096, 4096], data: new Float32Array(0) };
    await expect(unet.predict({ ...unetInputs(1, 8, 8, 77), sample })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('ask for a smaller picture') as string,
    });
    await runtime.dispose();
  });

  it('a buffer that cannot be had is an out-of-memory error, and nothing stays behind', async () => {
    const runtime = await start();
    const vae = await openTinyVae(runtime);
    const { ledger } = backendOf(runtime);
    ledger.failAbove(2 ** 16);
    await expect(vae.decode(latents)).rejects.toMatchObject({
      code: 'out-of-memory',
    });
    expect(ledger.bytesOf('weights')).toBe(0);
    ledger.failAbove(Infinity);
    const computed = (await vae.decode(latents)) as HostTensor;
    expect(relativeError({ computed, expected: await decodedOnWasm() })).toBeLessThan(1e-3);
    await runtime.dispose();
  });

  it('a decoding that gets no memory for its activations is repeated in smaller tiles', async () => {
    const runtime = await start();
    const vae = await openTinyVae(runtime);
    await vae.decode(latents);
    const { ledger } = backendOf(runtime);
    ledger.failAbove(ledger.liveBytes + 2 ** 18);
    const large = noise(5, [1, 4, 16, 16]);
    const computed = (await vae.decode(large)) as HostTensor;
    expect(computed.dims).toEqual([1, 3, 128, 128]);
    // A tile differs from the whole near its own edges, and these tiles are small; another picture would be at 1.
    expect(
      relativeError({ computed, expected: await decodedOnWasm('tiny-taesd', large) }),
    ).toBeLessThan(0.3);
    await runtime.dispose();
  });
});

describe('the self-check', () => {
  it('finds attention wrong with subgroups of four, and the rest right', async () => {
    const { allProbes } = await import('../../src/runtime/self-check/probes.ts');
    const { startWebGpuHost } = await import('../../src/runtime/webgpu-host.ts');
    const { selfCheck } = await import('../../src/runtime/self-check/self-check.ts');
    expect(allProbes({ isSmall: true }).length).toBeGreaterThan(8);
    const verdict = await selfCheck({
      maySubgroups: true,
      isSoftware: true,
      open: async (subgroups) => {
        const features = { f16: true, subgroups };
        const host = await startWebGpuHost({ ...setting, gpu, allowSoftware: true, features });
        return { backend: host.backend, hasHalf: false, close: () => host.backend.dispose() };
      },
    });
    expect(verdict).toMatchObject({ spelling: 'webgpu', precision: 'float32', subgroups: false });
    const wrong = verdict.findings.filter(({ isRight }) => !isRight);
    expect(wrong.length).toBeGreaterThan(0);
    for (const finding of wrong)
      expect(finding).toMatchObject({ family: 'attention', subgroups: true });
    expect(verdict.throughput.float32?.convolution).toBeGreaterThan(1e6);
  });

  it('is run once, and its verdict remembered', async () => {
    const verdicts = memoryVerdictStore();
    const options = { backend: 'webgpu', gpu, allowSoftware: true, verdicts } as const;
    const first = await startRuntime(options);
    expect(first.report).toMatchObject({
      isRemembered: false,
      precision: 'float32',
      spelling: 'webgpu',
    });
    expect(first.report.device?.features).not.toContain('shader-f16');
    expect(first.report.findings.every(({ isRight }) => isRight)).toBe(true);
    await first.runtime.dispose();
    const second = await startRuntime(options);
    expect(second.report).toMatchObject({ isRemembered: true, precision: 'float32' });
    await second.runtime.dispose();
  });

  it('refuses a software renderer unless told otherwise, and says how to switch the GPU on', async () => {
    await expect(startRuntime({ backend: 'webgpu', gpu })).rejects.toMatchObject({
      code: 'webgpu-unavailable',
      message: expect.stringContaining('graphics acceleration') as string,
    });
    const { report, runtime } = await startRuntime({ gpu });
    expect(report.backend).toBe('wasm');
    expect(report.whyNotWebGpu).toContain('software renderer');
    await runtime.dispose();
  });
});

describe('the portable spelling', () => {
  it('gives the right numbers on WebGPU too', async () => {
    const runtime = await start({ setting: { spelling: 'portable', precision: 'float32' } });
    const vae = await open(runtime, 'tiny-sd15/vae', Autoencoder);
    const input = noise(6, [1, 4, 6, 6]);
    const computed = (await vae.decode(input)) as HostTensor;
    expect(
      relativeError({ computed, expected: await decodedOnWasm('tiny-sd15/vae', input) }),
    ).toBeLessThan(1e-3);
    await runtime.dispose();
  });
});
