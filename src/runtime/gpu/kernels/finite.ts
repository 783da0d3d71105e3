/**
 * Counts NaN and infinity in a buffer: whether a stage in half precision has to be run again in full.
 *
 * Works on bit patterns, because a shader compiler may assume that floats are finite. Four bytes
 * come back to the CPU, whatever the size of the buffer.
 */

import { EngineError } from '../../../errors.ts';
import { BYTES_PER_ELEMENT, type FloatDtype } from '../../../tensor/dtype.ts';
import { allocate } from '../allocate.ts';
import { BUFFER_USAGE, MAP_MODE } from '../flags.ts';
import { cachedPipeline, LINEAR_INDEX, submitPass } from './pipelines.ts';

/** 32-bit words that one invocation looks at: few atomic additions, and still enough invocations. */
const WORDS_PER_INVOCATION = 16;

const SHADER = /* wgsl */ `
override IS_HALF: bool;

struct Job { words: u32, last_mask: u32, unused_0: u32, unused_1: u32 }

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read_write> total: atomic<u32>;

var<workgroup> group_count: atomic<u32>;
${LINEAR_INDEX}
fn count_in(word: u32) -> u32 {
  if (!IS_HALF) { return u32((word & 0x7f800000u) == 0x7f800000u); }
  return u32((word & 0x7c00u) == 0x7c00u) + u32((word & 0x7c000000u) == 0x7c000000u);
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) invocation: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(num_workgroups) groups: vec3u,
) {
  let stride = groups.x * groups.y * 64u;
  var count = 0u;
  for (var i = linear_index(invocation, groups); i < job.words; i += stride) {
    // an odd number of halves ends in the lower half of a word
    let mask = select(0xffffffffu, job.last_mask, i + 1u == job.words);
    count += count_in(values[i] & mask);
  }
  if (count > 0u) { atomicAdd(&group_count, count); }
  workgroupBarrier();
  if (local == 0u) {
    let sum = atomicLoad(&group_count);
    if (sum > 0u) { atomicAdd(&total, sum); }
  }
}
`;

type Triple<T> = [T, T, T];

/** What to look at in {@link countNonFinite}. */
export type FiniteCheck = {
  dtype: FloatDtype;
  /** Elements, from the start of the buffer. */
  length: number;
};

/** How many of the first `length` elements of `buffer` are NaN or infinite. Rejects with `out-of-memory`. */
export async function countNonFinite(
  device: GPUDevice,
  buffer: GPUBuffer,
  { dtype, length }: FiniteCheck,
): Promise<number> {
  const isHalf = dtype === 'float16';
  const bytes = length * BYTES_PER_ELEMENT[dtype];
  if (Math.ceil(bytes / 4) * 4 > buffer.size) {
    throw new EngineError('invalid-argument', `${length} elements are more than the buffer holds.`);
  }
  if (length === 0) return 0;
  const pipeline = await cachedPipeline(device, `finite/${dtype}`, () => ({
    code: SHADER,
    constants: { IS_HALF: Number(isHalf) },
  }));
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ, UNIFORM } = BUFFER_USAGE;
  const allocations = [
    { label: 'finite/total', size: 4, usage: STORAGE | COPY_SRC },
    { label: 'finite/job', size: 16, usage: UNIFORM | COPY_DST },
    { label: 'finite/result', size: 4, usage: COPY_DST | MAP_READ },
  ].map((descriptor) => allocate(device, descriptor));
  const [total, uniform, result] = allocations.map((owned) => owned.buffer) as Triple<GPUBuffer>;
  try {
    await Promise.all(allocations.map(({ ready }) => ready));
    for (const { offset, size } of bindableParts(device, Math.ceil(bytes / 4) * 4)) {
      const isOddEnd = isHalf && length % 2 === 1 && offset + size >= bytes;
      const job = new Uint32Array([size / 4, isOddEnd ? 0xffff : 0xffffffff, 0, 0]);
      device.queue.writeBuffer(uniform, 0, job);
      const resources = [{ buffer: uniform }, { buffer, offset, size }, { buffer: total }];
      submitPass(device, pipeline, resources, size / 4 / WORDS_PER_INVOCATION);
    }
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(total, 0, result, 0, 4);
    device.queue.submit([encoder.finish()]);
    await result.mapAsync(MAP_MODE.READ);
    return new Uint32Array(result.getMappedRange())[0] ?? 0;
  } finally {
    for (const owned of allocations) owned.buffer.destroy();
  }
}

/** A buffer may be larger than what a shader may bind at once. */
function bindableParts(device: GPUDevice, bytes: number): { offset: number; size: number }[] {
  const { maxStorageBufferBindingSize, minStorageBufferOffsetAlignment } = device.limits;
  const alignment = Math.max(minStorageBufferOffsetAlignment, 4);
  const step = Math.floor(maxStorageBufferBindingSize / alignment) * alignment;
  const parts: { offset: number; size: number }[] = [];
  for (let offset = 0; offset < bytes; offset += step) {
    parts.push({ offset, size: Math.min(step, bytes - offset) });
  }
  return parts;
}
