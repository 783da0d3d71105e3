/**
 * What is known of the machine when a model is judged: how it computes, what its device allows, and how much memory there is.
 *
 * WebGPU does not tell how much memory a GPU has. A person may; otherwise it is estimated, on the low side, from what
 * the browser tells of the machine's memory and from the largest buffer that the adapter allows. See docs/decisions/memory.md.
 */

import { EngineError } from '../errors.ts';
import type { Spelling } from '../graph/builder.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import type { DeviceBudget, ThroughputByFormat } from './plan.ts';
import type { RuntimeReport } from './report.ts';
import type { RuntimeHost } from './runtime.ts';
import { WASM_BUDGET } from './wasm-host.ts';

/** See the file's header. */
export type MachineProfile = {
  readonly backend: 'webgpu' | 'wasm';
  readonly spelling: Spelling;
  /** The format it computes best in. */
  readonly precision: FloatDtype;
  /** Whether it computes right with quantised weights. */
  readonly canQuantise: boolean;
  /** Largest buffer, in bytes. */
  readonly maxBufferBytes: number;
  /** Largest part of a buffer that a shader may see, in bytes. */
  readonly maxBindingBytes: number;
  /** As measured; empty where it was not, and of a renderer on the CPU, which is not reset for being slow. */
  readonly throughput: ThroughputByFormat;
  /** Memory that weights and all else may take, in bytes. */
  readonly memoryBytes: number;
  /** Whether a person said so, or wasm's heap ends there; otherwise it is an estimate. */
  readonly isMemoryKnown: boolean;
};

/** What a machine's memory is told or estimated from. */
export type MemoryHints = {
  /** What a person allows, in bytes. */
  readonly memoryBytes?: number | undefined;
  /** GiB of main memory as `navigator.deviceMemory` has it: rounded, and 8 at most; undefined where a browser does not say. */
  readonly deviceMemory?: number | undefined;
};

const GIB = 2 ** 30;

/** The part of main memory that a page may count on: the system and the browser need the rest. */
const USABLE_PART = 0.5;

/** GiB of main memory that a machine is taken to have where the browser does not say. */
const USUAL_MEMORY = 8;

/** The machine that a runtime found. */
export function machineOf(
  { backend, spelling, precision, throughput, device }: RuntimeReport,
  canQuantise: boolean,
  hints: MemoryHints = {},
): MachineProfile {
  const limits = device?.limits;
  const maxBufferBytes = limits?.['maxBufferSize'] ?? WASM_BUDGET.maxBufferBytes;
  const told = hints.memoryBytes;
  const memoryBytes = withinHeap(backend, told ?? estimated(backend, maxBufferBytes, hints));
  return {
    backend,
    spelling,
    precision,
    canQuantise,
    maxBufferBytes,
    maxBindingBytes: limits?.['maxStorageBufferBindingSize'] ?? WASM_BUDGET.maxBindingBytes,
    throughput: device?.isSoftware === true ? {} : throughput,
    memoryBytes,
    isMemoryKnown:
      told !== undefined || (backend === 'wasm' && memoryBytes === WASM_BUDGET.maxMemoryBytes),
  };
}

/** Half of main memory, and on a GPU no less than the largest buffer that the adapter says it can make. */
function estimated(
  backend: MachineProfile['backend'],
  maxBufferBytes: number,
  { deviceMemory = USUAL_MEMORY }: MemoryHints,
): number {
  const usable = deviceMemory * USABLE_PART * GIB;
  return backend === 'webgpu' ? Math.max(usable, maxBufferBytes) : usable;
}

/** The heap of wasm ends, whatever the machine has. */
function withinHeap(backend: MachineProfile['backend'], bytes: number): number {
  return backend === 'wasm' ? Math.min(bytes, WASM_BUDGET.maxMemoryBytes) : bytes;
}

/** A host that plans as that of such a machine would, and cannot run. */
export function imaginedHost(machine: MachineProfile): RuntimeHost {
  const { backend, spelling, precision, memoryBytes: maxMemoryBytes, canQuantise } = machine;
  const { maxBufferBytes, maxBindingBytes, throughput } = machine;
  const budget = (dtype: FloatDtype): DeviceBudget =>
    backend === 'wasm'
      ? { ...WASM_BUDGET, maxMemoryBytes }
      : {
          maxBufferBytes,
          maxBindingBytes,
          maxMemoryBytes,
          hasBufferPool: true,
          throughput: throughput[dtype],
        };
  return {
    backend: {
      kind: backend,
      spelling,
      precision,
      prepare: () =>
        Promise.reject(
          new EngineError('invalid-argument', 'an imagined machine plans graphs and runs none'),
        ),
      residentBytes: 0,
      uploadedBytes: 0,
      isUsable: true,
      releaseCheckpoint: () => Promise.resolve(),
      dispose: () => Promise.resolve(),
    },
    budget,
    canQuantise,
    isFiniteOnDevice: () => Promise.resolve(true),
    recover: undefined,
  };
}
