/**
 * What a conformance case is, and how its outcome is told.
 */

import type { WeightBits } from '../../src/graph/builder.ts';
import { isEngineError, type EngineError } from '../../src/errors.ts';
import type { FloatDtype } from '../../src/tensor/dtype.ts';
import type { HostTensor } from '../../src/tensor/host-tensor.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';

/** Computed numbers beside those they should be. */
export type Comparison = {
  readonly computed: HostTensor;
  readonly expected: HostTensor;
  /**
   * `relative` (default): L2 of the difference over L2 of the expected. `mean`: mean absolute difference. `each`: the
   * largest difference of a number, over the number where that is larger than 1.
   */
  readonly measure?: Measure;
  /** Default: the case's. */
  readonly tolerance?: number;
};

type Measure = 'relative' | 'mean' | 'each';

/** One line of a run. */
export type ConformanceCase = {
  /** `file/case`, such as `parts/unet/out`. */
  readonly name: string;
  /** Largest relative error (L2 of the difference over L2 of the expected); undefined when only equality will do. */
  readonly tolerance: number | undefined;
  readonly run: (runtime: Runtime) => Promise<readonly Comparison[]>;
};

/** How a case went. */
export type Outcome =
  | { readonly status: 'passed' | 'failed'; readonly error: number; readonly tolerance: number }
  | { readonly status: 'failed'; readonly message: string }
  /** The backend cannot hold it; counted apart. */
  | { readonly status: 'unfit'; readonly message: string };

/** What tolerances depend on. */
export type Setting = {
  readonly backend: 'wasm' | 'webgpu';
  readonly precision: FloatDtype;
  /** Of large linear layers; default 16. */
  readonly weightBits?: WeightBits;
};

/**
 * The relative error allowed to networks with quantised weights: random weights, as the goldens have, err more than trained
 * ones; and on WebGPU, where 1x1 convolutions are matrices too, more is quantised. Undefined where weights are as the
 * checkpoint has them.
 */
export function quantisedTolerance({ backend, weightBits = 16 }: Setting): number | undefined {
  if (weightBits === 16) return undefined;
  return { wasm: { 8: 2e-2, 4: 3e-1 }, webgpu: { 8: 3e-2, 4: 5e-1 } }[backend][weightBits];
}

/** ‖computed - expected‖ / ‖expected‖; NaN when dimensions differ. */
export function relativeError({ computed, expected }: Comparison): number {
  if (computed.dims.join() !== expected.dims.join()) return NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const e = expected.data[i] as number;
    difference += ((computed.data[i] as number) - e) ** 2;
    norm += e ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** Mean absolute difference; NaN when dimensions differ. */
function meanError({ computed, expected }: Comparison): number {
  if (computed.dims.join() !== expected.dims.join()) return NaN;
  const total = expected.data.reduce(
    (sum, value, i) => sum + Math.abs(value - (computed.data[i] as number)),
    0,
  );
  return total / expected.data.length;
}

/** Largest difference, over the expected number where that is larger than 1; NaN when dimensions differ. */
function eachError({ computed, expected }: Comparison): number {
  if (computed.dims.join() !== expected.dims.join()) return NaN;
  const errors = Array.from(
    expected.data,
    (value, i) => Math.abs(value - (computed.data[i] as number)) / Math.max(1, Math.abs(value)),
  );
  return Math.max(0, ...errors);
}

const MEASURES: Record<Measure, (comparison: Comparison) => number> = {
  relative: relativeError,
  mean: meanError,
  each: eachError,
};

/** Whether a run was refused before it started, for what it would need. */
function isTooLarge({ code, detail }: EngineError): boolean {
  return code === 'unsupported' && (detail['reason'] === 'memory' || detail['reason'] === 'buffer');
}

/** Runs one case. */
export async function runCase(testCase: ConformanceCase, runtime: Runtime): Promise<Outcome> {
  try {
    const comparisons = await testCase.run(runtime);
    if (comparisons.length === 0) return { status: 'failed', message: 'nothing was compared' };
    const measured = comparisons.map((each) => ({
      error: MEASURES[each.measure ?? 'relative'](each),
      tolerance: each.tolerance ?? testCase.tolerance ?? 0,
    }));
    // The one that is worst for its tolerance; NaN is worse than anything.
    const badness = ({ error, tolerance }: { error: number; tolerance: number }): number =>
      Number.isNaN(error) ? Infinity : error === 0 ? 0 : error / tolerance;
    const { error, tolerance } = measured.reduce((a, b) => (badness(b) > badness(a) ? b : a));
    return { status: error <= tolerance ? 'passed' : 'failed', error, tolerance };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isUnfit = isEngineError(error) && (error.code === 'out-of-memory' || isTooLarge(error));
    return isUnfit ? { status: 'unfit', message } : { status: 'failed', message };
  }
}
