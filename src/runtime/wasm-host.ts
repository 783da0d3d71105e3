/**
 * Starts the wasm backend.
 */

import type { FloatDtype } from '../tensor/dtype.ts';
import { loadOrt, type OrtOptions } from './ort.ts';
import type { RuntimeHost } from './runtime.ts';
import { WasmBackend } from './wasm-backend.ts';

/** Options of {@link startWasmHost}. */
export type WasmHostOptions = OrtOptions & {
  /** Default f32; f16 is for tests. */
  readonly precision?: FloatDtype;
};

/** Loads the CPU build and wraps it as a host; nothing resets slow work there, so it has no time limit. */
export async function startWasmHost(options: WasmHostOptions = {}): Promise<RuntimeHost> {
  const ort = await loadOrt('wasm', options);
  const backend = new WasmBackend(
    ort,
    options.precision === undefined ? {} : { precision: options.precision },
  );
  return {
    backend,
    budget: { maxBufferBytes: 2 ** 31, maxBindingBytes: 2 ** 31, throughput: undefined },
    isFiniteOnDevice: () => Promise.resolve(true),
    recover: undefined,
  };
}
