/**
 * Starts the wasm backend.
 */

import type { FloatDtype } from '../tensor/dtype.ts';
import { loadOrt, type OrtOptions } from './ort.ts';
import type { DeviceBudget } from './plan.ts';
import type { RuntimeHost } from './runtime.ts';
import { WASM_WEIGHT_LIMIT, WasmBackend } from './wasm-backend.ts';

/** Options of {@link startWasmHost}. */
export type WasmHostOptions = OrtOptions & {
  /** Default f32; f16 is for tests. */
  readonly precision?: FloatDtype;
};

/** The heap ends at 4 GB, of which the runtime itself and fragmentation take some. */
export const WASM_BUDGET = {
  maxBufferBytes: 2 ** 30,
  maxBindingBytes: 2 ** 30,
  maxMemoryBytes: 3.6 * 2 ** 30,
  maxWeightBytes: WASM_WEIGHT_LIMIT,
  throughput: undefined,
} as const satisfies DeviceBudget;

/** Loads the CPU build and wraps it as a host; nothing resets slow work there, so it has no time limit. */
export async function startWasmHost(
  options: WasmHostOptions = {},
): Promise<RuntimeHost & { readonly threads: number }> {
  const ort = await loadOrt('wasm', options);
  const backend = new WasmBackend(
    ort,
    options.precision === undefined ? {} : { precision: options.precision },
  );
  return {
    threads: ort.threads,
    backend,
    budget: () => WASM_BUDGET,
    canQuantise: true,
    isFiniteOnDevice: () => Promise.resolve(true),
    recover: undefined,
  };
}
