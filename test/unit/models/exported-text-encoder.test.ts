/**
 * Text encoders as exporters write them: what can be had of them is what they give.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExportedTextEncoder } from '../../../src/models/exported/exported-text-encoder.ts';
import type { ClipOutput } from '../../../src/networks/clip-text.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';
import {
  opened,
  TOY_WIDTH,
  toyTextEncoder,
  type ToyTextOptions,
} from '../../support/exported-models.ts';

const IDS = [5, 9, 2, 7];
const TOKENS = 2;

let runtime: Runtime;
beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
});
afterAll(() => runtime.dispose());

const open = async (options: ToyTextOptions = {}, config = {}): Promise<ExportedTextEncoder> =>
  new ExportedTextEncoder(runtime, config, await opened(toyTextEncoder(options)));

const encoded = async (encoder: ExportedTextEncoder, output: ClipOutput): Promise<HostTensor> =>
  (await encoder.encode(IDS, TOKENS, [output]))[output.name] as HostTensor;

const hidden = (layer: number, normed: boolean): ClipOutput => ({
  kind: 'hidden',
  name: 'state',
  layer,
  normed,
});

/** Hidden state `n` of the toy. */
function state(n: number): number[] {
  return IDS.flatMap((id) => Array.from({ length: TOY_WIDTH }, (_, i) => id * (n + 1) + i));
}

/** The numbers 0 to 15 and any constant after the toy's last norm: their variance is 21.25. */
function normedState(): number[] {
  return IDS.flatMap(() =>
    Array.from({ length: TOY_WIDTH }, (_, i) => ((i - 7.5) / Math.sqrt(21.25 + 1e-5)) * 2 + 1),
  );
}

function expectClose({ data }: HostTensor, expected: readonly number[]): void {
  expect(data).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(data[i]).toBeCloseTo(value, 4);
}

describe('an exported text encoder', () => {
  test.each<[string, ToyTextOptions]>([
    ['of 64 bits', {}],
    ['of 32 bits', { ids: 'int32' }],
    ['of a fixed number', { tokens: TOKENS }],
    ['with a mask', { hasMask: true }],
  ])('that takes ids %s gives the last state, layers and pooled texts', async (_, options) => {
    const encoder = await open(options);
    expect(encoder.config).toMatchObject({ width: TOY_WIDTH, hasProjection: true });
    expectClose(await encoded(encoder, hidden(-1, true)), normedState());
    expectClose(await encoded(encoder, hidden(-2, false)), state(1));
    expectClose(await encoded(encoder, hidden(0, false)), state(0));
    const pooled = { kind: 'pooled', name: 'pooled' } as const;
    expectClose(await encoded(encoder, { ...pooled, projected: false }), [5, 2]);
    expectClose(await encoded(encoder, { ...pooled, projected: true }), [15, 6]);
  });

  test('gives a layer further up (clip skip) after its last norm, with the epsilon of its config', async () => {
    expectClose(await encoded(await open(), hidden(-2, true)), normedState());
    const coarse = await encoded(await open({}, { layer_norm_eps: 3.75 }), hidden(-2, true));
    expect(coarse.data[15]).toBeCloseTo((7.5 / 5) * 2 + 1, 4);
  });

  test('gives several outputs of one run', async () => {
    const encoder = await open();
    const both = [hidden(-1, true), { ...hidden(-2, false), name: 'above' }];
    const outputs = await encoder.encode(IDS, TOKENS, both);
    expect(Object.keys(outputs)).toEqual(['state', 'above']);
    expectClose(outputs['state'] as HostTensor, normedState());
    expectClose(outputs['above'] as HostTensor, state(1));
  });

  test('refuses what its graph does not give, saying what is missing', async () => {
    const bare = await open({ outputs: ['last_hidden_state'] });
    expect(bare.config.hasProjection).toBe(false);
    expectClose(await encoded(bare, hidden(-1, true)), normedState());
    const refusal = (code: string, message: RegExp): object => ({
      code,
      message: expect.stringMatching(message) as string,
    });
    await expect(encoded(bare, hidden(-2, true))).rejects.toMatchObject(
      refusal('unsupported', /does not offer clip skip: it has no hidden_states\.N/),
    );
    await expect(encoded(bare, hidden(-2, false))).rejects.toMatchObject(
      refusal('unsupported', /does not offer its hidden state -2: it has no hidden_states\.N/),
    );
    await expect(
      encoded(bare, { kind: 'pooled', name: 'pooled', projected: true }),
    ).rejects.toMatchObject(refusal('unsupported', /does not offer a pooled text: .* text_embeds/));
    const extraEmbeddings = hostTensor(new Float32Array(TOY_WIDTH), [1, TOY_WIDTH]);
    await expect(
      bare.encode(IDS, TOKENS, [hidden(-1, true)], { extraEmbeddings }),
    ).rejects.toMatchObject(refusal('unsupported', /embeddings \(textual inversion\)/));
    const fixed = await open({ tokens: 77 });
    await expect(encoded(fixed, hidden(-1, true))).rejects.toMatchObject(
      refusal('unsupported', /ids must be \[B, 77\], got \[2, 2\]/),
    );
  });
});
