/**
 * That Node has a WebGPU device to test the engine on.
 */

import { expect, test } from 'vitest';
import { create, globals } from 'webgpu';

test('Dawn finds an adapter in Node, without shader-f16 when it is SwiftShader', async () => {
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  expect(adapter).not.toBeNull();
  const device = await adapter?.requestDevice();
  expect(device?.limits.maxBufferSize).toBeGreaterThan(0);
  device?.destroy();
});
