/**
 * Products of buffers, element by element: `output = a * b`, with which a mask is laid over latents.
 */

import { cachedPipeline, LINEAR_INDEX, submitPass } from './pipelines.ts';

const SHADER = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> output: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
${LINEAR_INDEX}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) invocation: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = linear_index(invocation, groups);
  if (i >= arrayLength(&output)) { return; }
  output[i] = a[i] * b[i];
}
`;

/**
 * Submits `output = a * b` over the first `length` numbers of three different buffers. Resolves once submitted (the kernel is
 * compiled the first time), not once computed.
 */
export async function multiplyBuffers(
  device: GPUDevice,
  output: GPUBuffer,
  factors: readonly [GPUBuffer, GPUBuffer],
  length: number,
): Promise<void> {
  const pipeline = await cachedPipeline(device, 'multiply', () => ({ code: SHADER }));
  const size = length * Float32Array.BYTES_PER_ELEMENT;
  const resources = [output, ...factors].map((buffer) => ({ buffer, size }));
  submitPass(device, pipeline, resources, length);
}
