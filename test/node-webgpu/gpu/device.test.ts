/**
 * Opening a device in Node: on SwiftShader, on Dawn's null backend, and on adapters made up here to
 * stand for browsers that this machine does not have.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { KEPT_ERRORS, requestGpuDevice } from '../../../src/runtime/gpu/device.ts';
import { BUFFER_USAGE, MAP_MODE } from '../../../src/runtime/gpu/flags.ts';
import { installNodeWebGpu } from '../../../src/runtime/gpu/node-gpu.ts';
import { nullGpu, softwareGpu } from '../../support/dawn.ts';

describe('requestGpuDevice', () => {
  let gpu: GPU;
  beforeAll(async () => {
    gpu = await softwareGpu();
  });

  it('refuses a software renderer and says how to switch the GPU on', async () => {
    await expect(requestGpuDevice(gpu)).rejects.toMatchObject({
      name: 'EngineError',
      code: 'webgpu-unavailable',
      message: expect.stringMatching(/swiftshader.*graphics acceleration/i) as string,
    });
  });

  it('opens a software renderer on request, with its highest limits', async () => {
    const { device, info } = await requestGpuDevice(gpu, { allowSoftware: true });
    expect(info.isSoftware).toBe(true);
    expect(info.limits['maxBufferSize']).toBeGreaterThan(256 * 1024 * 1024);
    expect(info.limits['maxStorageBuffersPerShaderStage']).toBeGreaterThan(8);
    expect(info.features).not.toContain('subgroups');
    expect(info.features).toContain('timestamp-query');
    expect(structuredClone(info)).toEqual(info);
    expect(device.adapterInfo).toBeDefined();
    device.destroy();
  });

  it('opens a device with the limits that WebGPU guarantees', async () => {
    const { device, info } = await requestGpuDevice(gpu, {
      allowSoftware: true,
      limits: 'default',
    });
    expect(info.limits['maxStorageBufferBindingSize']).toBe(128 * 1024 * 1024);
    expect(info.limits['maxStorageBuffersPerShaderStage']).toBe(8);
    device.destroy();
  });

  it('switches subgroups on only when asked', async () => {
    const features = { subgroups: true, timestampQuery: false };
    const { device, info } = await requestGpuDevice(gpu, { allowSoftware: true, features });
    expect(info.features).toContain('subgroups');
    expect(info.features).not.toContain('timestamp-query');
    expect(info.subgroupMinSize).toBe(4);
    device.destroy();
  });

  it('switches shader-f16 on where the adapter has it', async () => {
    const gpuOfNothing = await nullGpu();
    const { device, info } = await requestGpuDevice(gpuOfNothing, { allowSoftware: true });
    expect(info.features).toContain('shader-f16');
    device.destroy();
    const plain = await requestGpuDevice(gpuOfNothing, {
      allowSoftware: true,
      features: { f16: false },
    });
    expect(plain.info.features).not.toContain('shader-f16');
    plain.device.destroy();
    await softwareGpu();
  });

  it('reports that the device was destroyed, and opens another on the same GPU', async () => {
    const first = await requestGpuDevice(gpu, { allowSoftware: true });
    first.device.destroy();
    expect((await first.lost).reason).toBe('destroyed');
    const second = await requestGpuDevice(gpu, { allowSoftware: true });
    second.device.destroy();
  });

  it('keeps the latest errors that no scope caught', async () => {
    const { device, uncapturedErrors } = await requestGpuDevice(gpu, { allowSoftware: true });
    // Else Dawn prints every one of them.
    device.addEventListener('uncapturederror', (event) => event.preventDefault());
    for (let i = 0; i <= KEPT_ERRORS; i++) {
      device.createBuffer({ size: 2 ** 40 + i, usage: BUFFER_USAGE.STORAGE });
    }
    await device.queue.onSubmittedWorkDone();
    expect(uncapturedErrors).toHaveLength(KEPT_ERRORS);
    expect(uncapturedErrors.at(-1)).toMatchObject({
      kind: 'validation',
      message: expect.stringContaining(String(2 ** 40 + KEPT_ERRORS)) as string,
    });
    device.destroy();
  });

  it('says what is missing where there is no WebGPU, no adapter, or no device', async () => {
    const unavailable = { code: 'webgpu-unavailable' };
    await expect(requestGpuDevice(undefined)).rejects.toMatchObject(unavailable);
    const none = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
    await expect(requestGpuDevice(none)).rejects.toMatchObject(unavailable);
    const cause = new Error('adapter is consumed');
    const consumed = fakeGpu({ requestDevice: () => Promise.reject(cause) });
    await expect(requestGpuDevice(consumed)).rejects.toMatchObject({ ...unavailable, cause });
  });

  it('refuses by the old isFallbackAdapter of the adapter, and by renderer names', async () => {
    const infos = [
      { isFallbackAdapter: true },
      { info: { isFallbackAdapter: true } },
      { info: { vendor: 'mesa', architecture: '', description: 'llvmpipe (LLVM 15)' } },
      { info: { vendor: 'microsoft', description: 'Microsoft Basic Render Driver' } },
    ];
    for (const fake of infos) {
      await expect(requestGpuDevice(fakeGpu(fake))).rejects.toThrow(/software renderer/);
    }
  });

  it('does without adapter.info and gives the device an adapterInfo (Safari 26.0)', async () => {
    const target = Object.assign(new EventTarget(), {
      features: new Set(['shader-f16']),
      limits: { maxBufferSize: 1 },
      lost: new Promise(() => {}),
    });
    let descriptor: GPUDeviceDescriptor | undefined;
    const safari = fakeGpu({
      features: new Set(['shader-f16', 'subgroups']),
      limits: { maxBufferSize: 1 },
      requestDevice(asked: GPUDeviceDescriptor) {
        descriptor = asked;
        return Promise.resolve(target);
      },
    });
    const { device, info } = await requestGpuDevice(safari);
    expect(descriptor).toEqual({
      requiredFeatures: ['shader-f16'],
      requiredLimits: { maxBufferSize: 1 },
    });
    expect(info).toMatchObject({ vendor: '', isSoftware: false, limits: { maxBufferSize: 1 } });
    expect(device.adapterInfo).toMatchObject({ vendor: '', architecture: '' });
  });
});

describe('installNodeWebGpu', () => {
  it('gives one GPU per backend, and the latest asked for as navigator.gpu', async () => {
    const first = await installNodeWebGpu();
    expect(await installNodeWebGpu()).toBe(first);
    expect(navigator.gpu).toBe(first);
    const other = await nullGpu();
    expect(other).not.toBe(first);
    expect(navigator.gpu).toBe(other);
  });

  it('lets writeBuffer take shared memory, with offsets in elements or bytes', async () => {
    const { device } = await requestGpuDevice(await softwareGpu(), { allowSoftware: true });
    const usage = BUFFER_USAGE.COPY_DST | BUFFER_USAGE.MAP_READ;
    const buffer = device.createBuffer({ size: 32, usage });
    const shared = new SharedArrayBuffer(40);
    new Uint32Array(shared).set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    device.queue.writeBuffer(buffer, 0, new Uint32Array(shared, 4, 8), 1, 2);
    device.queue.writeBuffer(buffer, 8, new Uint8Array(shared, 4, 32), 4, 8);
    device.queue.writeBuffer(buffer, 16, shared, 32, 8);
    device.queue.writeBuffer(buffer, 24, new Uint32Array(shared, 8, 2));
    await buffer.mapAsync(MAP_MODE.READ);
    expect([...new Uint32Array(buffer.getMappedRange())]).toEqual([2, 3, 2, 3, 8, 9, 2, 3]);
    device.destroy();
  });
});

/** A GPU whose only adapter looks like `adapter`. */
function fakeGpu(adapter: Record<string, unknown>): GPU {
  const complete = { features: new Set(), limits: {}, ...adapter };
  return { requestAdapter: () => Promise.resolve(complete) } as unknown as GPU;
}
