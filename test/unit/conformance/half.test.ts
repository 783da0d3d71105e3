/**
 * Autoencoders in f16, and that the default policy does not rely on it.
 *
 * onnxruntime's CPU kernels know few operators in f16: it computes the others in f32 and drops casts between
 * them. So wasm shows that graphs, weights and constants are right in f16, but overflows less than a GPU does.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Autoencoder } from '../../../src/models/vae.ts';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { startWasmHost } from '../../../src/runtime/wasm-host.ts';
import { runCase, type Outcome } from '../../../tools/conformance/case.ts';
import { describedCheckpoint, describedComponent } from '../../support/described-checkpoint.ts';
import { smallCases } from './support.ts';

const setting = { backend: 'wasm', precision: 'float16' } as const;
const cases = new Map((await smallCases(setting)).map((each) => [each.name, each]));

let trusting: Runtime;
let careful: Runtime;
beforeAll(async () => {
  const host = await startWasmHost({ precision: 'float16' });
  trusting = new Runtime(host, { trustHalf: true });
  careful = new Runtime(host);
});
afterAll(() => careful.dispose());

const outcomeOf = (name: string, runtime: Runtime): Promise<Outcome> =>
  runCase(cases.get(name)!, runtime);

const errorOf = async (name: string, runtime: Runtime): Promise<number> => {
  const outcome = await outcomeOf(name, runtime);
  return 'error' in outcome ? outcome.error : NaN;
};

describe('in f16 without a way out', () => {
  test.each([
    'parts/vae/decoded',
    'parts/vae/mean',
    'parts/taesd/decoded',
    'parts/taesd/encoded',
    'fullsize/wide/vae/decode8',
  ])('%s is right', async (name) => {
    expect(await outcomeOf(name, trusting)).toMatchObject({ status: 'passed', tolerance: 3e-2 });
  });

  test('the loud decoder is right, too: its norms, which square, are spelled in f32', async () => {
    const name = 'fullsize/wide/vae_loud/decode8';
    expect(await outcomeOf(name, trusting)).toMatchObject({ status: 'passed', tolerance: 3e-2 });
  });
});

describe('by default', () => {
  test.each(['fullsize/wide/vae_loud/decode8', 'fullsize/wide/vae/decode8', 'parts/vae/decoded'])(
    '%s is as right as f32 can be, since it runs in f32',
    async (name) => {
      expect(await errorOf(name, careful)).toBeLessThan(1e-5);
    },
  );

  test('an AutoencoderKL runs in f32 unless its config says that f16 will do', () => {
    const { config, shapes } = describedComponent('wide/vae');
    const dtypes = (change: object): string[] => {
      const vae = new Autoencoder(careful, { ...config, ...change }, describedCheckpoint(shapes));
      return [vae.decoder, vae.encoder].map((stage) => stage.dtypeFor('float16'));
    };
    expect(dtypes({})).toEqual(['float32', 'float32']);
    expect(dtypes({ force_upcast: true })).toEqual(['float32', 'float32']);
    expect(dtypes({ force_upcast: false })).toEqual(['float16', 'float16']);
  });
});
