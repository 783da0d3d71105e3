/**
 * Counting a device's memory, and running out of it on purpose.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requestGpuDevice } from '../../../src/runtime/gpu/device.ts';
import { BUFFER_USAGE } from '../../../src/runtime/gpu/flags.ts';
import { trackGpuMemory, type GpuLedger } from '../../../src/runtime/gpu/ledger.ts';
import { softwareGpu } from '../../support/dawn.ts';

const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_DST;

describe('trackGpuMemory', () => {
  let device: GPUDevice;
  let ledger: GpuLedger;

  beforeEach(async () => {
    ({ device } = await requestGpuDevice(await softwareGpu(), { allowSoftware: true }));
    ledger = trackGpuMemory(device);
  });

  afterEach(() => device.destroy());

  it('counts live and peak bytes, by owner, until buffers are destroyed', () => {
    const a = device.createBuffer({ size: 1024, usage, label: 'weights/a' });
    const b = device.createBuffer({ size: 256, usage });
    expect(ledger.bytesOf('weights')).toBe(1024);
    expect(ledger.bytesOf('other')).toBe(256);
    a.destroy();
    a.destroy();
    expect(ledger.liveBytes).toBe(256);
    expect(ledger.liveBuffers).toBe(1);
    expect(ledger.peakBytes).toBe(1280);
    ledger.resetPeak();
    expect(ledger.peakBytes).toBe(256);
    b.destroy();
    expect(ledger.liveBytes).toBe(0);
  });

  it('is one ledger per device', () => {
    expect(trackGpuMemory(device)).toBe(ledger);
    device.createBuffer({ size: 16, usage }).destroy();
    expect(ledger.peakBytes).toBe(16);
  });

  it('counts nothing any more once the device is lost', async () => {
    const buffer = device.createBuffer({ size: 1024, usage });
    device.destroy();
    await device.lost;
    expect(ledger.liveBytes).toBe(0);
    buffer.destroy();
    expect(ledger.liveBytes).toBe(0);
    expect(ledger.liveBuffers).toBe(0);
  });

  it('fails above a limit as a device without memory does', async () => {
    ledger.failAbove(1000);
    device.pushErrorScope('out-of-memory');
    device.pushErrorScope('validation');
    const small = device.createBuffer({ size: 512, usage });
    const large = device.createBuffer({ size: 512, usage });
    expect(await device.popErrorScope()).toBeNull();
    expect(await device.popErrorScope()).toBeInstanceOf(GPUOutOfMemoryError);
    expect(ledger.liveBytes).toBe(512);
    // The buffer is there, but using it is an error.
    device.pushErrorScope('validation');
    device.queue.writeBuffer(large, 0, new Uint8Array(4));
    device.queue.submit([]);
    expect(await device.popErrorScope()).toBeInstanceOf(GPUValidationError);
    const mapped = { size: 512, usage, mappedAtCreation: true };
    expect(() => device.createBuffer(mapped)).toThrow(RangeError);
    ledger.failAbove(Infinity);
    device.pushErrorScope('out-of-memory');
    device.createBuffer({ size: 512, usage }).destroy();
    expect(await device.popErrorScope()).toBeNull();
    small.destroy();
    expect(ledger.liveBytes).toBe(0);
  });
});
