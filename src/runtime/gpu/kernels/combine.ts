/**
 * Linear combinations of buffers: `output = sum of coefficient_i * term_i`, the arithmetic of a sampler's step.
 *
 * One pass over memory for as many terms as the device lets a shader bind (eight on any GPU that
 * offers more than WebGPU's default limits), summed in the order given, in single precision.
 */

import { EngineError } from '../../../errors.ts';
import { LazyBuffer } from '../allocate.ts';
import { BUFFER_USAGE } from '../flags.ts';
import { cachedPipeline, LINEAR_INDEX, submitPass } from './pipelines.ts';

/** A stretch of single-precision numbers in a buffer. */
export type FloatSpan = {
  buffer: GPUBuffer;
  /** First element, in elements from the start of the buffer. Default 0. */
  offset?: number;
};

/** One term of a combination. */
export type CombineTerm = FloatSpan & { coefficient: number };

/** Most terms of one pass: what a sampler's step needs, guidance and noise included. */
const MAX_TERMS_PER_PASS = 8;

/** Bytes of the uniform: the length, and an offset and a coefficient of each term, in 16-byte rows. */
const UNIFORM_BYTES = 16 + 16 * MAX_TERMS_PER_PASS;

function shader(terms: number, isAccumulating: boolean, element: 'f32' | 'vec4f'): string {
  const indices = Array.from({ length: terms }, (_, i) => i);
  const bindings = indices.map(
    (i) => `@group(0) @binding(${i + 2}) var<storage, read> term_${i}: array<${element}>;`,
  );
  const sums = indices.map((i) => {
    const product = `job.terms[${i}].coefficient * term_${i}[job.terms[${i}].offset + i]`;
    return i === 0 && !isAccumulating ? `var sum = ${product};` : `sum += ${product};`;
  });
  return /* wgsl */ `
struct Term { offset: u32, coefficient: f32, unused_0: u32, unused_1: u32 }
struct Job { length: u32, output_offset: u32, unused_0: u32, unused_1: u32, terms: array<Term, ${MAX_TERMS_PER_PASS}> }

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> output: array<${element}>;
${bindings.join('\n')}
${LINEAR_INDEX}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) invocation: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = linear_index(invocation, groups);
  if (i >= job.length) { return; }
  ${isAccumulating ? 'var sum = output[job.output_offset + i];' : ''}
  ${sums.join('\n  ')}
  output[job.output_offset + i] = sum;
}
`;
}

/** One dispatch. */
type CombinePass = {
  pipeline: GPUComputePipeline;
  uniform: GPUBuffer;
  output: FloatSpan;
  terms: readonly CombineTerm[];
  length: number;
  /** Elements that one invocation computes. */
  width: number;
};

/** Computes linear combinations on one device. Owns a small uniform buffer. */
export class Combiner {
  readonly #device: GPUDevice;
  readonly #uniform: LazyBuffer;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#uniform = new LazyBuffer(device, {
      label: 'combine/job',
      size: UNIFORM_BYTES,
      usage: BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST,
    });
  }

  /**
   * Submits `output[0 ... length) = sum of coefficient * term[0 ... length)`. Resolves once submitted (the kernel
   * is compiled the first time), not once computed. `output` must be another buffer than any term's.
   */
  async run(output: FloatSpan, terms: readonly CombineTerm[], length: number): Promise<void> {
    check(output, terms, length);
    const perPass = this.#termsPerPass();
    const passes: CombineTerm[][] = [];
    for (let at = 0; at < terms.length; at += perPass) passes.push(terms.slice(at, at + perPass));
    const isWide =
      [output, ...terms].every(({ offset = 0 }) => offset % 4 === 0) && length % 4 === 0;
    const uniform = await this.#uniform.get();
    const pipelines = await Promise.all(
      passes.map((pass, i) => this.#pipeline(pass.length, i > 0, isWide)),
    );
    // Nothing is awaited from here on, so that another call cannot rewrite the uniform in between.
    for (const [i, pipeline] of pipelines.entries()) {
      this.#submit({
        pipeline,
        uniform,
        output,
        terms: passes[i] ?? [],
        length,
        width: isWide ? 4 : 1,
      });
    }
  }

  /** Frees the uniform buffer. */
  dispose(): void {
    this.#uniform.destroy();
  }

  #termsPerPass(): number {
    const forTerms = this.#device.limits.maxStorageBuffersPerShaderStage - 1; // the output is one
    return Math.min(MAX_TERMS_PER_PASS, forTerms);
  }

  #pipeline(terms: number, isAccumulating: boolean, isWide: boolean): Promise<GPUComputePipeline> {
    const element = isWide ? 'vec4f' : 'f32';
    const key = `combine/${terms}${isAccumulating ? '-more' : ''}-${element}`;
    return cachedPipeline(this.#device, key, () => ({
      code: shader(terms, isAccumulating, element),
    }));
  }

  #submit({ pipeline, uniform, output, terms, length, width }: CombinePass): void {
    const device = this.#device;
    const spans = [output, ...terms].map((span) => this.#bind(span, length));
    const job = new ArrayBuffer(UNIFORM_BYTES);
    const integers = new Uint32Array(job);
    const floats = new Float32Array(job);
    integers[0] = length / width;
    integers[1] = (spans[0]?.offset ?? 0) / width;
    for (const [i, { coefficient }] of terms.entries()) {
      integers[4 + 4 * i] = (spans[i + 1]?.offset ?? 0) / width;
      floats[5 + 4 * i] = coefficient;
    }
    device.queue.writeBuffer(uniform, 0, job);
    const resources = [{ buffer: uniform }, ...spans.map(({ resource }) => resource)];
    submitPass(device, pipeline, resources, length / width);
  }

  /** The part of the buffer that holds the span, from an aligned start; and the span's offset in it. */
  #bind(span: FloatSpan, length: number): { resource: GPUBufferBinding; offset: number } {
    const { buffer, offset = 0 } = span;
    const alignment = this.#device.limits.minStorageBufferOffsetAlignment / 4;
    const start = Math.floor(offset / alignment) * alignment;
    const size = (offset - start + length) * 4;
    return { resource: { buffer, offset: start * 4, size }, offset: offset - start };
  }
}

function check(output: FloatSpan, terms: readonly CombineTerm[], length: number): void {
  if (terms.length === 0) {
    throw new EngineError('invalid-argument', 'A combination needs at least one term.');
  }
  if (terms.some(({ buffer }) => buffer === output.buffer)) {
    throw new EngineError(
      'invalid-argument',
      'A combination cannot be written into the buffer of one of its terms: use another output.',
    );
  }
  for (const { buffer, offset = 0 } of [output, ...terms]) {
    if ((offset + length) * 4 > buffer.size) {
      throw new EngineError(
        'invalid-argument',
        `A combination of ${length} numbers from number ${offset} on is outside its buffer of ${buffer.size} bytes.`,
      );
    }
  }
}
