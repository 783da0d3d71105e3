/**
 * What is learnt of a device that goes: where weights were being loaded, there had been too much in its memory.
 *
 * The backend is a stand-in, since no real device goes for want of memory when a test asks.
 */

import { expect, test } from 'vitest';
import type { Backend } from '../../../src/runtime/backend.ts';
import { deviceLost } from '../../../src/runtime/gpu/device.ts';
import { Runtime, type RuntimeHost } from '../../../src/runtime/runtime.ts';
import { Stage } from '../../../src/runtime/stage.ts';
import { describedCheckpoint, describedComponent } from '../../support/described-checkpoint.ts';
import { WIDE_UNET_INPUTS, zeros } from '../../support/wide-unet-inputs.ts';
import { writeUNet } from '../networks/support.ts';

const loss = deviceLost({ reason: 'unknown', message: 'gone' });

/** Devices of which each goes when, or after, a second checkpoint's weights come beside the first one's. */
function smallDevices(goesWhile: 'loading' | 'running'): {
  host: RuntimeHost;
  devices: string[][];
} {
  const devices: string[][] = [];
  const start = (): RuntimeHost => {
    /** Ids of the checkpoints that are on the device. */
    const resident: string[] = [];
    devices.push(resident);
    let isUsable = true;
    const lose = (): Promise<never> => {
      isUsable = false;
      return Promise.reject(loss);
    };
    const backend: Backend = {
      kind: 'webgpu',
      spelling: 'webgpu',
      precision: 'float32',
      get isUsable() {
        return isUsable;
      },
      residentBytes: 0,
      uploadedBytes: 0,
      prepare: (graph) => {
        if (!resident.includes(graph.checkpointId)) resident.push(graph.checkpointId);
        const isFull = resident.length > 1;
        if (isFull && goesWhile === 'loading') return lose();
        const run = () => (isFull ? lose() : Promise.resolve({ out_sample: zeros(2) }));
        return Promise.resolve({ graph, run });
      },
      releaseCheckpoint: (id) => {
        resident.splice(resident.indexOf(id), 1);
        return Promise.resolve();
      },
      dispose: () => Promise.resolve(),
    };
    const budget = { maxBufferBytes: 2 ** 32, maxBindingBytes: 2 ** 32, throughput: undefined };
    return {
      backend,
      budget: () => budget,
      canQuantise: true,
      isFiniteOnDevice: () => Promise.resolve(true),
      recover: () => Promise.resolve(start()),
    };
  };
  return { host: start(), devices };
}

function stageOf(id: string): Stage<null> {
  return new Stage({
    name: id,
    checkpoint: describedCheckpoint(describedComponent('wide/unet').shapes, id),
    isSafeInHalf: true,
    build: (_, options) => ({ ...writeUNet('wide/unet', options), checkpointId: id }),
  });
}

test('a device that goes while weights are loaded is followed by one that holds less at once', async () => {
  const { host, devices } = smallDevices('loading');
  const runtime = new Runtime(host);
  const [first, second] = [stageOf('first'), stageOf('second')];
  for (const stage of [first, second, first, second])
    await runtime.run(stage, null, WIDE_UNET_INPUTS);
  // The second one came alone to the second device, and from then on each makes room for the other.
  expect(devices).toEqual([['first', 'second'], ['second']]);
});

test('a device that goes while it computes may go for any reason: what the next one holds is not less', async () => {
  const { host, devices } = smallDevices('running');
  const runtime = new Runtime(host);
  for (const stage of [stageOf('first'), stageOf('second'), stageOf('first')])
    await runtime.run(stage, null, WIDE_UNET_INPUTS);
  expect(devices).toEqual([['first', 'second'], ['second', 'first'], ['first']]);
});

test('says what the browser says, and what to do', () => {
  expect(loss).toMatchObject({
    code: 'device-lost',
    detail: { reason: 'unknown', message: 'gone' },
  });
  expect(loss.message).toMatch(/lost \(unknown: gone\)\. .* for want of memory\. Close other/);
});
