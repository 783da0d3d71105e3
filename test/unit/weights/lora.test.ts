/**
 * LoRA files of every kind and style against what LyCORIS, PEFT and diffusers make of the same weights, and files that do
 * not fit.
 */

import { describe, expect, test } from 'vitest';
import { elementCount } from '../../../src/tensor/dtype.ts';
import { hostTensor } from '../../../src/tensor/host-tensor.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import type { Checkpoint, TensorEntry } from '../../../src/weights/checkpoint.ts';
import { fitLora, type FittedLora } from '../../../src/weights/lora/fit-lora.ts';
import { readLora, type LoraFile } from '../../../src/weights/lora/lora-file.ts';
import type { LoraBase } from '../../../src/weights/lora/module-names.ts';
import { withLora } from '../../../src/weights/lora/patched-checkpoint.ts';
import { readFloat32 } from '../../../src/weights/read-tensor.ts';
import { relativeError } from '../../../tools/conformance/case.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { openGolden } from '../../../tools/goldens/golden-file.ts';
import { readGolden } from '../../support/goldens.ts';
import { fileOf } from './support.ts';

const folder = new GoldenFolder(readGolden);
const unet = await folder.checkpoint('tiny-sd15/unet');
const text = await folder.checkpoint('tiny-sd15/text_encoder');
const base: LoraBase = { unet, texts: [text] };
const expected = await openGolden(readGolden, 'loras/expected');

async function open(name: string): Promise<LoraFile> {
  const path = `loras/${name}.safetensors`;
  return readLora(bufferSource(await readGolden(path), path));
}

function networkOf(tensor: string): Checkpoint {
  return tensor.startsWith('text_model.') ? text : unet;
}

async function changed(
  lora: FittedLora,
  tensor: string,
  strength: number,
): Promise<Float32Array<ArrayBuffer>> {
  const entry = withLora(networkOf(tensor), [{ lora, strength }]).tensors.get(tensor);
  return readFloat32(entry as TensorEntry);
}

/** A safetensors file of f32 tensors. */
function fileWith(
  tensors: Readonly<Record<string, readonly number[]>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let at = 0;
  for (const [name, shape] of Object.entries(tensors)) {
    const end = at + 4 * elementCount(shape);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, end] };
    at = end;
  }
  return fileOf(JSON.stringify(header), new Uint8Array(new Float32Array(at / 4).fill(0.1).buffer));
}

async function fitted(
  tensors: Readonly<Record<string, readonly number[]>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<FittedLora> {
  return fitLora(await readLora(bufferSource(fileWith(tensors, metadata), 'x.safetensors')), base);
}

describe('a weight changed by a LoRA', () => {
  const names = expected.names.map((name) => {
    const [file = '', strength = '', ...rest] = name.split('/');
    return { name, file, strength: Number(strength), tensor: rest.join('/') };
  });

  test('is compared for every kind', () => {
    expect(new Set(names.map(({ file }) => file)).size).toBe(17);
  });

  test.each(names)('$name', async ({ name, file, strength, tensor }) => {
    const lora = fitLora(await open(file), base);
    const { shape, data } = expected.float32(name);
    const computed = hostTensor(await changed(lora, tensor, strength), shape);
    expect(relativeError({ computed, expected: hostTensor(data, shape) })).toBeLessThan(1e-6);
    const before = networkOf(tensor).tensors.get(tensor) as TensorEntry;
    expect(computed.data).not.toEqual(await readFloat32(before));
  });

  test.each([...new Set(names.map(({ file }) => file))])(
    '%s leaves no key unmatched',
    async (file) => {
      expect(fitLora(await open(file), base).unmatched).toEqual([]);
    },
  );
});

test("torch's own file of the same tensors makes the same changes", async () => {
  const path = 'loras/lora.bin';
  const pickled = fitLora(await readLora(bufferSource(await readGolden(path), path)), base);
  const lora = fitLora(await open('lora'), base);
  expect(pickled.patches.map(({ tensor }) => tensor)).toEqual(
    lora.patches.map(({ tensor }) => tensor),
  );
  const name = 'down_blocks.0.resnets.0.conv1.weight';
  expect(await changed(pickled, name, 1)).toEqual(await changed(lora, name, 1));
});

describe('strength', () => {
  test('0 is the checkpoint itself', async () => {
    const lora = fitLora(await open('lora'), base);
    expect(withLora(unet, [{ lora, strength: 0 }])).toBe(unet);
    expect(withLora(unet, [])).toBe(unet);
  });

  test('of several is applied one after the other, and leaves other tensors as they are', async () => {
    const [lora, loha] = [fitLora(await open('lora'), base), fitLora(await open('loha'), base)];
    const both = withLora(unet, [
      { lora, strength: 0.5 },
      { lora: loha, strength: -1 },
    ]);
    const name = 'down_blocks.0.resnets.0.conv1.weight';
    const [after, one, other, before] = [
      await readFloat32(both.tensors.get(name) as TensorEntry),
      await changed(lora, name, 0.5),
      await changed(loha, name, -1),
      await readFloat32(unet.tensors.get(name) as TensorEntry),
    ];
    const sum = before.map((value, i) => (one[i] ?? 0) + (other[i] ?? 0) - value);
    const shape = [after.length];
    expect(
      relativeError({ computed: hostTensor(after, shape), expected: hostTensor(sum, shape) }),
    ).toBeLessThan(1e-6);
    expect(both.tensors.get('conv_in.weight')).toBe(unet.tensors.get('conv_in.weight'));
    expect(both.id).not.toBe(withLora(unet, [{ lora, strength: 0.5 }]).id);
    expect([...both.tensors.keys()]).toEqual([...unet.tensors.keys()]);
  });

  test('of DoRA between 0 and 1 lies on the line between both', async () => {
    const lora = fitLora(await open('dora-out'), base);
    const name = 'down_blocks.0.resnets.0.conv1.weight';
    const before = await readFloat32(unet.tensors.get(name) as TensorEntry);
    const whole = await changed(lora, name, 1);
    const half = await changed(lora, name, 0.5);
    expect(half[100]).toBeCloseTo(((before[100] ?? 0) + (whole[100] ?? 0)) / 2, 6);
  });

  test('reads parts of a changed tensor as the whole', async () => {
    const lora = fitLora(await open('lora'), base);
    const changedUnet = withLora(unet, [{ lora, strength: 1 }]);
    const entry = changedUnet.tensors.get('down_blocks.0.resnets.0.conv1.weight') as TensorEntry;
    const whole = await entry.source.read(0, entry.byteLength);
    for (const [start, end] of [
      [0, 8],
      [100, 104],
      [entry.byteLength - 4, entry.byteLength],
      [0, 4],
    ] as const) {
      expect(await entry.source.read(start, end)).toEqual(whole.slice(start, end));
    }
    await expect(entry.source.read(0, entry.byteLength + 1)).rejects.toThrow('cannot read bytes');
  });
});

describe('older names of diffusers', () => {
  const path = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1';
  test.each([
    [`unet.${path}.processor.to_q_lora`, `${path}.to_q.weight`],
    [`${path}.processor.to_out_lora`, `${path}.to_out.0.weight`],
    [`unet.${path}.to_out.0.lora`, `${path}.to_out.0.weight`],
    [
      'text_encoder.text_model.encoder.layers.1.self_attn.to_out_lora',
      'text_model.encoder.layers.1.self_attn.out_proj.weight',
    ],
    [
      'text_encoder.text_model.encoder.layers.1.self_attn.k_proj.lora_linear_layer',
      'text_model.encoder.layers.1.self_attn.k_proj.weight',
    ],
  ])('%s', async (module, tensor) => {
    const width = tensor.startsWith('text') ? 32 : 16;
    const lora = await fitted({
      [`${module}.down.weight`]: [2, width],
      [`${module}.up.weight`]: [width, 2],
    });
    expect(lora.patches.map((patch) => patch.tensor)).toEqual([tensor]);
    expect(lora.unmatched).toEqual([]);
  });

  test("PEFT's own, with an adapter's name and alphas in the notes", async () => {
    const module = `base_model.model.${path}.to_q`;
    const tensors = {
      [`${module}.lora_A.default.weight`]: [2, 16],
      [`${module}.lora_B.default.weight`]: [16, 2],
    };
    const metadata = {
      lora_adapter_metadata: '{"lora_alpha": 4, "alpha_pattern": {"attn1.to_q": 6}}',
    };
    const [patch] = (await fitted(tensors, metadata)).patches;
    expect(await patch?.load()).toMatchObject({ scale: 3 });
    await expect(fitted(tensors, { lora_adapter_metadata: '[' })).rejects.toThrow('is no JSON');
  });
});

describe('SDXL', () => {
  test('has its LoRA for two text encoders and CompVis names found', async () => {
    const xl: LoraBase = {
      unet: await folder.checkpoint('tiny-sdxl/unet'),
      texts: [
        await folder.checkpoint('tiny-sdxl/text_encoder'),
        await folder.checkpoint('tiny-sdxl/text_encoder_2'),
      ],
    };
    const key = 'down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k.weight';
    const [rows = 0, columns = 0] = xl.unet.tensors.get(key)?.shape ?? [];
    const width = (name: string, i: number): number => {
      const found = [...(xl.texts[i]?.tensors ?? [])].find(([each]) => each.endsWith(name));
      return found?.[1].shape[0] ?? 0;
    };
    const [first, second] = [0, 1].map((i) => width('layers.0.self_attn.q_proj.weight', i)) as [
      number,
      number,
    ];
    const down = (module: string, size: number): [string, number[]] => [
      `${module}.lora_down.weight`,
      [2, size],
    ];
    const up = (module: string, size: number): [string, number[]] => [
      `${module}.lora_up.weight`,
      [size, 2],
    ];
    const inUnet = 'lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k';
    const inText = (n: number): string =>
      `lora_te${n}_text_model_encoder_layers_0_self_attn_q_proj`;
    const bytes = fileWith(
      Object.fromEntries([
        down(inUnet, columns),
        up(inUnet, rows),
        down(inText(1), first),
        up(inText(1), first),
        down(inText(2), second),
        up(inText(2), second),
      ]),
    );
    const { patches, unmatched } = fitLora(await readLora(bufferSource(bytes, 'xl')), xl);
    expect(unmatched).toEqual([]);
    expect(patches.map(({ checkpointId }) => checkpointId)).toEqual([
      xl.unet.id,
      ...xl.texts.map(({ id }) => id),
    ]);
    expect(patches[0]?.tensor).toBe(key);
  });
});

describe('what does not fit', () => {
  const module = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';

  test('is told by name where the rest does', async () => {
    const { patches, unmatched } = await fitted({
      [`${module}.lora_down.weight`]: [2, 32],
      [`${module}.lora_up.weight`]: [16, 2],
      [`${module}.oft_blocks`]: [2, 2],
      'lora_unet_no_such_module.lora_down.weight': [2, 2],
      'lora_unet_no_such_module.lora_up.weight': [2, 2],
      'bundle_emb.toy.string_to_param.*': [2, 32],
    });
    expect(patches).toHaveLength(1);
    expect(unmatched.toSorted()).toEqual([
      'bundle_emb.toy.string_to_param.*',
      `${module}.oft_blocks`,
      'lora_unet_no_such_module.lora_down.weight',
      'lora_unet_no_such_module.lora_up.weight',
    ]);
  });

  test.each([
    [
      'of another family by its sizes',
      { [`${module}.lora_down.weight`]: [2, 768], [`${module}.lora_up.weight`]: [320, 2] },
      'weights-mismatch',
      `the LoRA x.safetensors is for another family of models: ${module} changes a weight of [320, 768], and tiny-sd15/unet has one of [16, 32]`,
    ],
    [
      'of another kind by its names',
      {
        'transformer.single_blocks.0.lora_A.weight': [2, 2],
        'transformer.single_blocks.0.lora_B.weight': [2, 2],
      },
      'weights-mismatch',
      'none of its 2 names is known in tiny-sd15/unet, such as transformer.single_blocks.0',
    ],
    [
      'of ranks that disagree',
      { [`${module}.lora_down.weight`]: [2, 32], [`${module}.lora_up.weight`]: [16, 3] },
      'model-malformed',
      `x.safetensors is damaged: the parts of ${module} do not fit each other`,
    ],
    [
      'with a part missing',
      { [`${module}.lora_down.weight`]: [2, 32] },
      'model-malformed',
      `${module} has no up beside down`,
    ],
    [
      'with magnitudes of another size',
      {
        [`${module}.lora_down.weight`]: [2, 32],
        [`${module}.lora_up.weight`]: [16, 2],
        [`${module}.dora_scale`]: [17, 1],
      },
      'weights-mismatch',
      'has 17 magnitudes for a weight of 16 rows and 32 inputs',
    ],
    [
      'that is a checkpoint',
      { 'conv_in.weight': [16, 4, 3, 3] },
      'model-malformed',
      'x.safetensors is no LoRA file',
    ],
    [
      'whose alpha is no number',
      { [`${module}.alpha`]: [2], [`${module}.lora_down.weight`]: [2, 32] },
      'unsupported',
      `${module}.alpha of x.safetensors cannot be used: it is not one number but [2]`,
    ],
  ])('is an error naming the file and the reason: a file %s', async (_, tensors, code, message) => {
    await expect(fitted(tensors)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });
});
