/**
 * Compute pipelines, compiled once per device, and the shape of a dispatch.
 *
 * Shared by the engine's own kernels. Pipelines hold no buffers and vanish with their device.
 */

import { EngineError } from '../../../errors.ts';

/** What a pipeline is compiled from. */
export type PipelineSource = {
  /** The shader; its entry point is called `main`. */
  code: string;
  /** Values of the shader's `override` constants. */
  constants?: Record<string, number>;
};

const caches = new WeakMap<GPUDevice, Map<string, Promise<GPUComputePipeline>>>();

/** The pipeline that `key` names on `device`, compiled from `source` the first time. */
export function cachedPipeline(
  device: GPUDevice,
  key: string,
  source: () => PipelineSource,
): Promise<GPUComputePipeline> {
  let cache = caches.get(device);
  if (cache === undefined) caches.set(device, (cache = new Map()));
  let pipeline = cache.get(key);
  if (pipeline === undefined) {
    pipeline = compile(device, key, source());
    cache.set(key, pipeline);
    const owner = cache;
    pipeline.catch(() => owner.delete(key));
  }
  return pipeline;
}

async function compile(
  device: GPUDevice,
  label: string,
  { code, constants = {} }: PipelineSource,
): Promise<GPUComputePipeline> {
  const module = device.createShaderModule({ label, code });
  try {
    return await device.createComputePipelineAsync({
      label,
      layout: 'auto',
      compute: { module, entryPoint: 'main', constants },
    });
  } catch (cause) {
    throw new EngineError('runtime-failed', `The GPU rejected the kernel "${label}".`, { cause });
  }
}

/**
 * Invocations of a workgroup of our kernels: a multiple of every GPU's subgroup, within every limit.
 * Shaders spell it as `@workgroup_size(64)` and number their invocations with {@link LINEAR_INDEX}.
 */
const WORKGROUP_SIZE = 64;

/** WGSL: the number of an invocation within a grid of {@link gridFor}. */
export const LINEAR_INDEX = /* wgsl */ `
fn linear_index(invocation: vec3u, groups: vec3u) -> u32 {
  return invocation.y * groups.x * 64u + invocation.x;
}
`;

/**
 * Workgroups for at least `invocations` invocations: one row where it fits in
 * `maxComputeWorkgroupsPerDimension`, else several.
 */
function gridFor(device: GPUDevice, invocations: number): [x: number, y: number] {
  const groups = Math.max(1, Math.ceil(invocations / WORKGROUP_SIZE));
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const rows = Math.ceil(groups / limit);
  if (rows > limit) {
    throw new EngineError('unsupported', `${invocations} elements are too many for one dispatch.`);
  }
  return [Math.ceil(groups / rows), rows];
}

/** Submits a pass of `invocations` invocations over resources, which are bound in their order from 0 on. */
export function submitPass(
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  resources: readonly GPUBufferBinding[],
  invocations: number,
): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = resources.map((resource, binding) => ({ binding, resource }));
  const layout = pipeline.getBindGroupLayout(0);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(...gridFor(device, invocations));
  pass.end();
  device.queue.submit([encoder.finish()]);
}
