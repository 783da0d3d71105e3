/**
 * How prompts are read for a model, through the client: counted in the tokens of its own vocabulary, without opening it.
 */

import { afterAll, describe, expect, it } from 'vitest';
import { Client } from '../../../src/api/client.ts';
import { Engine } from '../../../src/engine/engine.ts';
import { parseManifest, shippedManifest } from '../../../src/models/manifest.ts';
import { readGolden } from '../../support/goldens.ts';

const golden = JSON.parse(new TextDecoder().decode(await readGolden('clip-tokens.json'))) as {
  readonly prompts: readonly string[];
  readonly ids: readonly (readonly number[])[];
  readonly eos: number;
};

/** A hub that nobody answers for: asking it would fail. */
const manifest = parseManifest({
  ...shippedManifest(),
  models: [
    ...shippedManifest().models,
    {
      id: 'elsewhere',
      name: 'Elsewhere',
      source: { kind: 'hub', repository: 'nobody/nothing', hub: 'http://127.0.0.1:9' },
      nativeSize: 512,
      licence: 'none',
    },
  ],
});

const client = new Client(() => Engine.start({ backend: 'wasm' }), manifest);
afterAll(() => client.dispose());

describe('a prompt that is described', () => {
  it('is counted in the tokens of the embedded model, with its weights and steps', async () => {
    const prompt = 'a (flat:1.5) [cat:dog:0.5] face <lora:ink-sketch:0.5>';
    const read = await client.describePrompt(null, prompt, { steps: 10 });
    expect(read).toMatchObject({
      tokens: 4,
      capacity: 75,
      loras: [{ name: 'ink-sketch', unetWeight: 0.5 }],
      notes: [],
      subPrompts: [
        {
          weight: 1,
          stages: [
            { from: 1, until: 5 },
            { from: 6, until: 10 },
          ],
        },
      ],
    });
    expect(read.subPrompts[0]?.stages[1]?.pieces).toContainEqual({
      kind: 'text',
      text: 'flat',
      weight: 1.5,
    });
  });

  it('is counted in CLIP’s tokens for a model that is not here yet', async () => {
    for (const prompt of ['a photo of a cat', 'papercraft, quilling, layers, landscape']) {
      const ids = golden.ids[golden.prompts.indexOf(prompt)] ?? [];
      const { tokens } = await client.describePrompt('elsewhere', prompt);
      expect(tokens).toBe(ids.indexOf(golden.eos) - 1);
    }
  });

  it('has AND as a word where it is negative', async () => {
    const options = { isNegative: true };
    expect((await client.describePrompt(null, 'a cat AND a dog')).subPrompts).toHaveLength(2);
    expect((await client.describePrompt(null, 'a cat AND a dog', options)).subPrompts).toHaveLength(
      1,
    );
  });

  it('is refused with its position, and with the models that are here', async () => {
    await expect(client.describePrompt(null, 'a cat <lora:x:much>')).rejects.toMatchObject({
      code: 'invalid-argument',
      detail: { start: 6, end: 19 },
    });
    await expect(client.describePrompt('none', 'a cat')).rejects.toThrow('emoji-64');
  });
});
