/**
 * Starts a runtime: finds the GPU, checks it, chooses spelling and precision by what came out right and
 * fast, or falls back to wasm and says why.
 */

import { EngineError, isEngineError } from '../errors.ts';
import type { Spelling } from '../graph/builder.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import type { GpuDeviceInfo, GpuDeviceOptions } from './gpu/device.ts';
import type { OrtBuild } from './ort-builds.ts';
import { bestGpuBuild, type OrtOptions } from './ort.ts';
import type { RuntimeReport } from './report.ts';
import { Runtime, type RuntimeSettings } from './runtime.ts';
import { MIN_SUBGROUP, selfCheck, type Verdict } from './self-check/self-check.ts';
import { defaultVerdictStore, verdictKey, type VerdictStore } from './self-check/verdict-store.ts';
import { startWasmHost } from './wasm-host.ts';
import { startWebGpuHost, type WebGpuHost, type WebGpuHostOptions } from './webgpu-host.ts';

/** Options of {@link startRuntime}. */
export type RuntimeOptions = OrtOptions &
  RuntimeSettings &
  Pick<GpuDeviceOptions, 'allowSoftware' | 'limits' | 'powerPreference'> &
  Pick<WebGpuHostOptions, 'validates' | 'store' | 'logSeverity'> & {
    /** `auto` (default): WebGPU where a GPU passes the self-check, else wasm. */
    readonly backend?: 'auto' | 'webgpu' | 'wasm';
    /** The WebGPU entry point; default `navigator.gpu`, in Node Dawn's binding where it is installed. */
    readonly gpu?: GPU;
    /** Which WebGPU build of the runtime library; default the best for this JavaScript engine. */
    readonly build?: Exclude<OrtBuild, 'wasm'>;
    /** Settles what the self-check would choose, which is then not run. For tests and measurements. */
    readonly setting?: {
      readonly spelling: Spelling;
      readonly precision: FloatDtype;
      readonly subgroups?: boolean;
    };
    /** Where verdicts are remembered; default IndexedDB. */
    readonly verdicts?: VerdictStore;
    readonly signal?: AbortSignal;
  };

/** A runtime and what it tells of itself. */
export type StartedRuntime = { readonly runtime: Runtime; readonly report: RuntimeReport };

/**
 * Starts a runtime.
 *
 * @throws EngineError `webgpu-unavailable` when `backend` is `webgpu` and there is no GPU that computes right.
 */
export async function startRuntime(options: RuntimeOptions = {}): Promise<StartedRuntime> {
  const { backend = 'auto' } = options;
  if (backend === 'wasm') return startWasm(options, undefined);
  try {
    return await startWebGpu(options);
  } catch (error) {
    const isExpected = isEngineError(error) && error.code === 'webgpu-unavailable';
    if (backend === 'webgpu' || !isExpected) throw error;
    return startWasm(options, error.message);
  }
}

async function startWasm(
  options: RuntimeOptions,
  whyNotWebGpu: string | undefined,
): Promise<StartedRuntime> {
  const precision = options.setting?.precision ?? 'float32';
  const host = await startWasmHost({ ...options, precision });
  return {
    runtime: new Runtime(host, options),
    report: {
      backend: 'wasm',
      build: 'wasm',
      spelling: host.backend.spelling,
      precision,
      threads: host.threads,
      device: undefined,
      subgroups: false,
      throughput: {},
      canQuantise: true,
      findings: [],
      isRemembered: false,
      whyNotWebGpu,
    },
  };
}

async function startWebGpu(options: RuntimeOptions): Promise<StartedRuntime> {
  const gpu = options.gpu ?? (await findGpu());
  const build = options.build ?? bestGpuBuild();
  const open = (
    chosen: Pick<Verdict, 'spelling' | 'precision' | 'subgroups'>,
    f16: boolean,
  ): Promise<WebGpuHost> =>
    startWebGpuHost({
      ...options,
      ...chosen,
      gpu,
      build,
      features: { f16, subgroups: chosen.subgroups },
    });
  const { verdict, isRemembered } = await settle(options, build, open);
  const host = await startWebGpuHost({
    ...options,
    ...verdict,
    gpu,
    build,
    features: { f16: verdict.precision === 'float16', subgroups: verdict.subgroups },
  });
  const { spelling, precision, subgroups, canQuantise, throughput, findings } = verdict;
  return {
    runtime: new Runtime(host, options),
    report: {
      backend: 'webgpu',
      build,
      spelling,
      precision,
      threads: host.threads,
      device: host.gpu.info,
      subgroups,
      throughput,
      canQuantise,
      findings,
      isRemembered,
      whyNotWebGpu: undefined,
    },
  };
}

type Settled = { readonly verdict: Verdict; readonly isRemembered: boolean };

async function settle(
  options: RuntimeOptions,
  build: OrtBuild,
  open: (
    chosen: Pick<Verdict, 'spelling' | 'precision' | 'subgroups'>,
    f16: boolean,
  ) => Promise<WebGpuHost>,
): Promise<Settled> {
  const { setting, signal, verdicts = defaultVerdictStore() } = options;
  if (setting !== undefined) {
    const { spelling, precision, subgroups = false } = setting;
    return {
      verdict: {
        spelling,
        precision,
        subgroups,
        canQuantise: true,
        throughput: {},
        findings: [],
      },
      isRemembered: false,
    };
  }
  const chosen = { spelling: 'webgpu', precision: 'float32' } as const;
  let first: WebGpuHost | undefined = await open({ ...chosen, subgroups: false }, true);
  const info: GpuDeviceInfo = first.gpu.info;
  const key = verdictKey(info, build);
  const known = await verdicts.get(key);
  if (known !== undefined) {
    await first.backend.dispose();
    return { verdict: known, isRemembered: true };
  }
  const verdict = await selfCheck({
    maySubgroups: first.hasSubgroups && (info.subgroupMinSize ?? MIN_SUBGROUP) >= MIN_SUBGROUP,
    isSoftware: info.isSoftware,
    signal,
    open: async (subgroups) => {
      const host =
        first !== undefined && !subgroups ? first : await open({ ...chosen, subgroups }, true);
      if (host === first) first = undefined;
      return {
        backend: host.backend,
        hasHalf: host.gpu.info.features.includes('shader-f16'),
        close: () => host.backend.dispose(),
      };
    },
  });
  await first?.backend.dispose();
  await verdicts.set(key, verdict);
  return { verdict, isRemembered: false };
}

async function findGpu(): Promise<GPU> {
  const found =
    typeof navigator === 'undefined' ? undefined : (navigator as Partial<Navigator>).gpu;
  if (found !== undefined) return found;
  if (typeof process !== 'undefined' && process.versions?.node !== undefined) {
    const { installNodeWebGpu } = await import('./gpu/node-gpu.ts');
    return installNodeWebGpu();
  }
  throw new EngineError(
    'webgpu-unavailable',
    'this browser has no WebGPU; use a current Chrome, Edge, Safari or Firefox over https',
  );
}
