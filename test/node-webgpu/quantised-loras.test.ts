/**
 * LoRAs over weights of 8 and 4 bits on WebGPU, where the buffers that hold codes and scales are written anew.
 *
 * The text encoder alone: a UNet takes minutes here; docs/measurements/weight-bits.md has the command that compares it.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { startRuntime } from '../../src/runtime/start.ts';
import {
  brokenRules,
  openLoraDrawer,
  type ChangedNetwork,
  type LoraDrawer,
} from '../support/quantised-loras.ts';
import { softwareRuntime } from '../support/software-runtime.ts';

const TEXT: ChangedNetwork = { network: 'text', lora: 'lora-a' };

let wasm: Runtime;
let exact: LoraDrawer;
beforeAll(async () => {
  ({ runtime: wasm } = await startRuntime({ backend: 'wasm' }));
  exact = await openLoraDrawer(wasm);
});
afterAll(() => wasm.dispose());

describe.each([8, 4] as const)('weights of %i bits', (weightBits) => {
  let runtime: Runtime;
  let quantised: LoraDrawer;
  beforeAll(async () => {
    runtime = await softwareRuntime({ weightBits, quantiseFrom: 0 });
    quantised = await openLoraDrawer(runtime);
  });
  afterAll(() => runtime.dispose());

  test('a LoRA acts on them, and takes no memory', async () => {
    await quantised(TEXT, 0);
    const { residentBytes } = runtime.backend;
    expect(await brokenRules({ quantised, exact }, TEXT, weightBits)).toEqual([]);
    await quantised(TEXT, 1);
    expect(runtime.backend.residentBytes).toBe(residentBytes);
  });
});
