/**
 * What prompts do to a picture, on the tiny checkpoint: syntax that comes to the same gives the same, to the bit where the
 * same is computed.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DiffusionModel } from '../../../src/models/diffusion-model.ts';
import type { ClipOutput } from '../../../src/networks/clip-text.ts';
import { encodePrompts, type Prompts } from '../../../src/pipelines/conditioning.ts';
import { emphasized } from '../../../src/pipelines/emphasis.ts';
import { generate, type GenerateRequest } from '../../../src/pipelines/generate.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';
import type { TextEncoder as ClipTextEncoder } from '../../../src/models/text-encoder.ts';
import type { TensorEntry } from '../../../src/weights/checkpoint.ts';
import type { Embedding } from '../../../src/weights/embedding.ts';
import { readRows } from '../../../src/weights/read-tensor.ts';
import { relativeError } from '../../../tools/conformance/case.ts';
import { modelFolder } from '../../../tools/conformance/pipelines-cases.ts';
import { readGolden } from '../../support/goldens.ts';

let runtime: Runtime;
let model: DiffusionModel;
beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
  model = await DiffusionModel.open(runtime, modelFolder('tiny-sd15', readGolden, 'tiny-sd15/'));
});
afterAll(() => runtime.dispose());

async function drawn(prompt: string, change: Partial<GenerateRequest> = {}): Promise<HostTensor> {
  const { latents } = await generate(model, {
    prompt,
    negativePrompt: 'blurry',
    width: 64,
    height: 64,
    steps: 3,
    guidanceScale: 4,
    seed: 7,
    scheduler: 'DDIMScheduler',
    ...change,
  });
  return latents;
}

function bits({ data }: HostTensor): number[] {
  return [...new Uint32Array(data.buffer, data.byteOffset, data.length)];
}

/** A text of `count` tokens, none of them a comma. */
function long(count: number): string {
  return Array<string>(count).fill('a').join(' ');
}

describe('a prompt', () => {
  test('without syntax is the same in both readings, to the bit', async () => {
    const [weighted, plain] = [
      await drawn('a photo of a cat, sharp'),
      await drawn('a photo of a cat, sharp', { promptSyntax: 'plain' }),
    ];
    expect(bits(weighted)).toEqual(bits(plain));
  });

  test('with syntax is text in the plain reading', async () => {
    expect(bits(await drawn('(cat:1.5)'))).not.toEqual(
      bits(await drawn('(cat:1.5)', { promptSyntax: 'plain' })),
    );
  });

  test('that is edited from the start, or never, is the other text', async () => {
    const [cat, dog] = [bits(await drawn('a cat')), bits(await drawn('a dog'))];
    expect(cat).not.toEqual(dog);
    expect(bits(await drawn('a [cat:dog:0]'))).toEqual(dog);
    expect(bits(await drawn('a [cat:dog:1.0]'))).toEqual(cat);
    expect(bits(await drawn('a [cat:dog:1]'))).not.toEqual(dog);
  });

  test('alternates as an edit at each step would', async () => {
    expect(bits(await drawn('[a cat|a dog]', { steps: 2 }))).toEqual(
      bits(await drawn('[a cat:a dog:1]', { steps: 2 })),
    );
  });

  test('is edited over the steps that a picture to start from leaves', async () => {
    const picture = { dims: [1, 3, 64, 64], data: new Float32Array(3 * 64 * 64) };
    const half = { picture, strength: 0.5, steps: 8 };
    expect(bits(await drawn('[cat:dog:4]', half))).toEqual(bits(await drawn('cat', half)));
    expect(bits(await drawn('[cat:dog:3]', half))).not.toEqual(bits(await drawn('cat', half)));
  });

  test('composed of a text and itself at half weight is the text at one and a half times the guidance', async () => {
    const [composed, alone] = [
      await drawn('a cat AND a cat:0.5', { guidanceScale: 2 }),
      await drawn('a cat', { guidanceScale: 3 }),
    ];
    expect(relativeError({ computed: composed, expected: alone })).toBeLessThan(1e-5);
    expect(bits(await drawn('a cat AND a dog:0'))).toEqual(bits(await drawn('a cat')));
  });

  test('composed needs the negative one without guidance too, unless its weights are 1 together', async () => {
    const unguided = { guidanceScale: 1 };
    const halves = await drawn('a cat:0.5 AND a cat:0.5', unguided);
    expect(
      relativeError({ computed: halves, expected: await drawn('a cat', unguided) }),
    ).toBeLessThan(1e-5);
    const twice = await drawn('a cat AND a cat', unguided);
    const expected = await drawn('a cat', { guidanceScale: 2 });
    expect(relativeError({ computed: twice, expected })).toBeLessThan(1e-5);
  });

  test('draws each picture of a batch as it does one', async () => {
    const [both, first] = [
      await drawn('a cat AND [a|b] dog:0.5', { samples: 2, seed: [7, 8] }),
      await drawn('a cat AND [a|b] dog:0.5'),
    ];
    const half = { dims: first.dims, data: both.data.slice(0, first.data.length) };
    expect(relativeError({ computed: half, expected: first })).toBeLessThan(1e-5);
  });

  test('is not read by fewer layers than there are', async () => {
    const layers = model.texts[0].encoder.config.layers;
    await expect(drawn('a cat', { clipSkip: layers + 1 })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(
        `from 0 to ${layers} (clip_skip from 1 to ${layers + 1}), got ${layers + 1}`,
      ) as string,
    });
    expect((await drawn('a cat', { clipSkip: layers })).dims).toEqual([1, 4, 8, 8]);
  });

  test('that asks for an unknown LoRA is refused with the position', async () => {
    await expect(drawn('a <lora:ink:1> cat')).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('at position 2 for the LoRA ink') as string,
    });
  });
});

describe('an embedding', () => {
  const width = 32;
  const toy = (count: number, value: number, name = 'toy'): Embedding => ({
    name,
    vectors: [
      hostTensor(new Float32Array(count * 48), [count, 48]),
      hostTensor(new Float32Array(count * width).fill(value), [count, width]),
    ],
  });

  test('changes the picture by its word, in the prompt and in the negative one', async () => {
    const embeddings = [toy(2, 0.3), toy(1, -0.2, 'other')];
    const without = bits(await drawn('a toy'));
    expect(bits(await drawn('a toy', { embeddings }))).not.toEqual(without);
    expect(bits(await drawn('a toyed', { embeddings }))).toEqual(bits(await drawn('a toyed')));
    const negative = { negativePrompt: 'Other' };
    expect(bits(await drawn('a cat', { ...negative, embeddings }))).not.toEqual(
      bits(await drawn('a cat', negative)),
    );
  });

  test('that equals the vector of a token is that token', async () => {
    const [{ tokenizer, encoder }] = model.texts;
    const [id = 0] = tokenizer.tokenize('a');
    const { checkpoint } = (encoder as ClipTextEncoder).stage;
    const entry = checkpoint.tensors.get('text_model.embeddings.token_embedding.weight');
    const row = await readRows(entry as TensorEntry, [id]);
    const embeddings = [{ name: 'toy', vectors: [hostTensor(row, [1, width])] }];
    expect(bits(await drawn('(toy:1.2) cat', { embeddings }))).toEqual(
      bits(await drawn('(a:1.2) cat')),
    );
  });

  test.each([
    [[toy(1, 0), toy(1, 0, 'TOY')], 'the embedding TOY is there twice'],
    [[{ name: '', vectors: [] }], 'has no name'],
    [
      [{ name: 'big', vectors: [hostTensor(new Float32Array(768), [1, 768])] }],
      'the embedding big has vectors of 768 numbers and is for another family of models',
    ],
  ])('is refused by name when it does not fit: %#', async (embeddings, message) => {
    await expect(drawn('a toy', { embeddings })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('text states', () => {
  const usual: Prompts = {
    prompt: 'a cat',
    negativePrompt: 'blurry',
    syntax: 'weighted',
    samples: 1,
    steps: 4,
    guidanceScale: 4,
    clipSkip: 0,
    embeddings: [],
    loras: [],
  };

  async function encodeIds(ids: readonly number[]): Promise<HostTensor> {
    const output: ClipOutput = { kind: 'hidden', name: 'state', layer: -1, normed: true };
    return (await model.texts[0].encoder.encode(ids, 77, [output]))['state'] as HostTensor;
  }

  test('of a long prompt are those of its chunks, joined; the other one goes on saying nothing', async () => {
    const { factors, contextAt } = await encodePrompts(
      model,
      { ...usual, prompt: `${long(75)} (dog:1.5)` },
      {},
    );
    const { tokenizer } = model.texts[0];
    const count = tokenizer.tokenize('dog').length;
    const weights = [1, ...Array<number>(count).fill(1.5), ...Array<number>(76 - count).fill(1)];
    const dog = emphasized(await encodeIds(tokenizer.encode('dog')), weights);
    const parts = [
      await encodeIds(tokenizer.encode('blurry')),
      await encodeIds(tokenizer.encode('')),
      await encodeIds(tokenizer.encode(long(75))),
      dog,
    ];
    const context = contextAt(1);
    expect(factors).toEqual([-3, 4]);
    expect(context.dims).toEqual([2, 154, parts[0]?.dims[2]]);
    expect([...context.data]).toEqual(parts.flatMap(({ data }) => [...data]));
  });

  test('of a long prompt are cut in the plain reading, commas or not', async () => {
    const text = `${long(70)}, ${long(30)}`;
    const { contextAt } = await encodePrompts(
      model,
      { ...usual, prompt: text, syntax: 'plain' },
      {},
    );
    const context = contextAt(4);
    expect(context.dims.slice(0, 2)).toEqual([2, 77]);
    const expected = await encodeIds(model.texts[0].tokenizer.encode(text));
    expect(context.data.slice(expected.data.length)).toEqual(expected.data);
  });

  test('have one length for all steps', async () => {
    const prompt = `[cat:${long(80)}:2] AND dog`;
    const { factors, contextAt } = await encodePrompts(model, { ...usual, prompt, samples: 2 }, {});
    expect(factors).toEqual([-7, 4, 4]);
    for (const step of [1, 2, 3, 4]) expect(contextAt(step).dims.slice(0, 2)).toEqual([6, 154]);
    expect([...contextAt(2).data]).not.toEqual([...contextAt(3).data]);
    expect([...contextAt(3).data]).toEqual([...contextAt(4).data]);
  });
});
