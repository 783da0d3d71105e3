/**
 * What a runtime tells of itself: which backend, why, and how it will compute.
 */

import type { Spelling } from '../graph/builder.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import type { GpuDeviceInfo } from './gpu/device.ts';
import type { OrtBuild } from './ort-builds.ts';
import type { ThroughputByFormat } from './plan.ts';
import type { Finding } from './self-check/self-check.ts';

/** Plain data, for pages and logs. */
export type RuntimeReport = {
  readonly backend: 'webgpu' | 'wasm';
  readonly build: OrtBuild;
  readonly spelling: Spelling;
  readonly precision: FloatDtype;
  /** Threads of CPU kernels. */
  readonly threads: number;
  /** The GPU in use. */
  readonly device: GpuDeviceInfo | undefined;
  readonly subgroups: boolean;
  /** Measured on this GPU. */
  readonly throughput: ThroughputByFormat;
  /** Whether networks may have weights of 8 and 4 bits; the findings tell which probe of them came out wrong. */
  readonly canQuantise: boolean;
  /** Every probe of the self-check; empty when it was not run. */
  readonly findings: readonly Finding[];
  /** Whether the verdict was remembered from an earlier start. */
  readonly isRemembered: boolean;
  /** Why WebGPU is not used, in words for a person. */
  readonly whyNotWebGpu: string | undefined;
};

/** One line for a person. */
export function describeReport(report: RuntimeReport): string {
  const { backend, build, device, spelling, precision, threads, whyNotWebGpu } = report;
  const format = precision === 'float16' ? 'f16' : 'f32';
  if (backend === 'wasm') {
    const reason = whyNotWebGpu === undefined ? '' : ` (${whyNotWebGpu})`;
    return `wasm on the CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${format}${reason}`;
  }
  const { description = '', vendor = '', architecture = '' } = device ?? {};
  const name =
    [description, `${vendor} ${architecture}`.trim(), 'an unnamed GPU'].find(
      (text) => text !== '',
    ) ?? '';
  const kind = device?.isSoftware === true ? ', a software renderer' : '';
  return `WebGPU on ${name}${kind}, ${build} build, ${spelling} spelling, ${format}`;
}
