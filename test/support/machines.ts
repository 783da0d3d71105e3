/**
 * Machines that models are judged for in tests: what their browsers would tell.
 */

import type { MachineProfile } from '../../src/runtime/machine.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

const gpu: MachineProfile = {
  backend: 'webgpu',
  spelling: 'webgpu',
  precision: 'float16',
  canQuantise: true,
  maxBufferBytes: 2 * GIB,
  maxBindingBytes: 2 * GIB - 4,
  throughput: {},
  memoryBytes: 8 * GIB,
  isMemoryKnown: true,
};

/** By the names that the table in docs/models.md has. */
export const MACHINES = {
  '16 GB': { ...gpu, memoryBytes: 16 * GIB },
  '8 GB': gpu,
  '4 GB': { ...gpu, memoryBytes: 4 * GIB },
  '2 GB': { ...gpu, memoryBytes: 2 * GIB },
  '8 GB, no f16': { ...gpu, precision: 'float32' },
  '8 GB, least limits': { ...gpu, maxBufferBytes: 256 * MIB, maxBindingBytes: 128 * MIB },
  wasm: {
    ...gpu,
    backend: 'wasm',
    spelling: 'portable',
    precision: 'float32',
    maxBufferBytes: GIB,
    maxBindingBytes: GIB,
    memoryBytes: 3.6 * GIB,
  },
} as const satisfies Record<string, MachineProfile>;
