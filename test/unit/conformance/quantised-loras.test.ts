/**
 * LoRAs over weights of 8 and 4 bits on wasm, where they make another checkpoint that is quantised as it is read.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import {
  CHANGED_NETWORKS,
  brokenRules,
  openLoraDrawer,
  type LoraDrawer,
} from '../../support/quantised-loras.ts';

let runtime: Runtime;
let exact: LoraDrawer;
beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
  exact = await openLoraDrawer(runtime);
});
afterAll(() => runtime.dispose());

describe.each([8, 4] as const)('weights of %i bits', (weightBits) => {
  let coarse: Runtime;
  let quantised: LoraDrawer;
  beforeAll(async () => {
    // Every matrix, since these networks have no large ones.
    const options = { backend: 'wasm', weightBits, quantiseFrom: 0 } as const;
    ({ runtime: coarse } = await startRuntime(options));
    quantised = await openLoraDrawer(coarse);
  });
  afterAll(() => coarse.dispose());

  test.each(CHANGED_NETWORKS)('$lora acts on $network', async (changed) => {
    expect(await brokenRules({ quantised, exact }, changed, weightBits)).toEqual([]);
  });
});
