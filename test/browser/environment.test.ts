/**
 * That the test browser has what the engine's own tests take for granted.
 */

import { expect, test } from 'vitest';
import { BUFFER_USAGE, MAP_MODE } from '../../src/runtime/gpu/flags.ts';
import { fetchFile, requireAdapter } from '../support/browser.ts';

test('the page is cross-origin isolated, so that WebAssembly has threads', () => {
  expect(crossOriginIsolated).toBe(true);
  expect(new SharedArrayBuffer(8).byteLength).toBe(8);
});

test('WebGPU adds numbers on a real device', async () => {
  const adapter = await requireAdapter();
  const device = await adapter.requestDevice();
  const module = device.createShaderModule({
    code: `
      @group(0) @binding(0) var<storage, read_write> values: array<f32>;
      @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) {
        values[id.x] = values[id.x] + 0.5;
      }`,
  });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = BUFFER_USAGE;
  const values = device.createBuffer({ size: 16, usage: STORAGE | COPY_SRC | COPY_DST });
  const readback = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
  device.queue.writeBuffer(values, 0, new Float32Array([1, 2, 3, 4]));

  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [{ binding: 0, resource: { buffer: values } }];
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, readback, 0, 16);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(MAP_MODE.READ);

  expect([...new Float32Array(readback.getMappedRange())]).toEqual([1.5, 2.5, 3.5, 4.5]);
  device.destroy();
});

test('a file written to the origin private file system can be read back', async () => {
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle('environment-test', { create: true });
  const writable = await handle.createWritable();
  await writable.write(new Uint8Array([1, 2, 3]));
  await writable.close();

  const bytes = await (await handle.getFile()).arrayBuffer();

  expect([...new Uint8Array(bytes)]).toEqual([1, 2, 3]);
  await root.removeEntry('environment-test');
});

test('files of the repository can be fetched by their paths', async () => {
  const [first] = await fetchFile('test/goldens/README.md');
  expect(first).toBe('#'.charCodeAt(0));
  await expect(fetchFile('test/no-such-file')).rejects.toThrow('404');
});
