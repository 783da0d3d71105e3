/**
 * Every network against PyTorch's numbers, on the wasm backend in both formats.
 *
 * In f32 only the order of summation differs: 1e-4, and 1e-3 where sums are of real width. In f16 every
 * intermediate result is rounded to 11 bits: 3e-2. The goldens' README asks for no more.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { startWasmHost } from '../../../src/runtime/wasm-host.ts';
import { runCase } from '../../../tools/conformance/case.ts';
import { smallCases } from './support.ts';

const TOLERANCES = {
  float32: { parts: 1e-4, fullsize: 1e-3, upscalers: 1e-4 },
  float16: { parts: 3e-2, fullsize: 3e-2, upscalers: 3e-2 },
} as const;

for (const precision of ['float32', 'float16'] as const) {
  const cases = await smallCases({ backend: 'wasm', precision });
  describe(`on wasm in ${precision}`, () => {
    let runtime: Runtime;
    beforeAll(async () => {
      runtime = new Runtime(await startWasmHost({ precision }));
    });
    afterAll(() => runtime.dispose());

    test('there are cases of all files', () => {
      expect(cases.filter(({ name }) => name.startsWith('parts/')).length).toBeGreaterThan(40);
      expect(cases.filter(({ name }) => name.startsWith('fullsize/'))).toHaveLength(7);
      expect(cases.filter(({ name }) => name.startsWith('upscalers/'))).toHaveLength(7);
      expect(cases.map(({ name }) => name)).toContain('fullsize/wide/vae_loud/decode8');
    });

    test.each(cases)('$name', async (each) => {
      const file = each.name.split('/')[0] as keyof (typeof TOLERANCES)[typeof precision];
      const isTokens = each.name.startsWith('parts/tokens/');
      expect(each.tolerance).toBe(isTokens ? undefined : TOLERANCES[precision][file]);
      expect(await runCase(each, runtime)).toMatchObject({ status: 'passed' });
    });
  });
}
