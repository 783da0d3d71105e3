/**
 * UNets as exporters write them: names, formats and sizes of inputs differ, and what comes out does not.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExportedUNet } from '../../../src/models/exported/exported-unet.ts';
import type { UNetInputs } from '../../../src/models/network-inputs.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';
import { B, opened, toyUNet, type ToyUNetOptions } from '../../support/exported-models.ts';

let runtime: Runtime;
beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
});
afterAll(() => runtime.dispose());

const open = async (options: ToyUNetOptions = {}, config = {}): Promise<ExportedUNet> =>
  new ExportedUNet(runtime, config, await opened(toyUNet(options)));

/** Latents [rows, 4, 2, 2] of 0.25, 0.5, ... and texts [rows, 2, 3] that sum up to 6, 12, ... */
function inputs(rows: number, timesteps: readonly number[]): UNetInputs {
  const numbers = (count: number, of: (i: number) => number): number[] =>
    Array.from({ length: count }, (_, i) => of(i));
  return {
    sample: hostTensor(
      numbers(rows * 16, (i) => i / 4),
      [rows, 4, 2, 2],
    ),
    timesteps,
    context: hostTensor(
      numbers(rows * 6, (i) => Math.floor(i / 6) + 1),
      [rows, 2, 3],
    ),
  };
}

/** What {@link toyUNet} answers. */
function answer({ sample }: UNetInputs, timeOf: (row: number) => number): number[] {
  const { data } = sample as HostTensor;
  return Array.from(data, (value, i) => {
    const row = Math.floor(i / 16);
    return 2 * value + timeOf(row) + 6 * (row + 1);
  });
}

const predicted = async (unet: ExportedUNet, given: UNetInputs): Promise<number[]> => [
  ...((await unet.predict(given)) as HostTensor).data,
];

describe('an exported UNet', () => {
  test.each<[string, ToyUNetOptions]>([
    ['has the usual names and a whole timestep', {}],
    [
      'has other names',
      { names: { sample: 'latent_sample', timestep: 't', context: 'prompt_embeds', out: 'noise_pred' } },
    ],
    ['names its only output as nobody else', { names: { out: 'y' } }],
    ['takes a timestep without dimensions', { timestep: { dtype: 'int64', shape: [] } }],
    ['takes a timestep of 32 bits', { timestep: { dtype: 'int32', shape: [1] } }],
    ['takes a timestep for each picture', { timestep: { dtype: 'float32', shape: [B] } }],
    ['computes in float16', { float: 'float16', timestep: { dtype: 'float16', shape: [1] } }],
    ['was exported for one picture', { sample: [1, 4, 2, 2] }],
    ['was exported for two pictures', { sample: [2, 4, 2, 2] }],
    [
      'was exported for two pictures with a timestep each',
      { sample: [2, 4, 2, 2], timestep: { dtype: 'int64', shape: [2] } },
    ],
  ])('that %s gives the same', async (_, options) => {
    const unet = await open(options);
    for (const rows of [1, 2, 3]) {
      const given = inputs(rows, [7]);
      expect(await predicted(unet, given)).toEqual(answer(given, () => 7));
    }
  });

  test.each<[string, ToyUNetOptions]>([
    ['one timestep for all', {}],
    ['a timestep for each', { timestep: { dtype: 'int64', shape: [B] } }],
    ['one timestep, for one picture', { sample: [1, 4, 2, 2] }],
  ])('with %s takes timesteps that differ', async (_, options) => {
    const given = inputs(3, [1, 20, 300]);
    expect(await predicted(await open(options), given)).toEqual(
      answer(given, (row) => [1, 20, 300][row] ?? NaN),
    );
  });

  test('takes timesteps between whole numbers where it only casts them, and rounds down where it computes with them', async () => {
    const given = inputs(1, [2.75]);
    expect(await predicted(await open(), given)).toEqual(answer(given, () => 2.75));
    const doubling = await open({ doublesTimestep: true });
    expect(await predicted(doubling, given)).toEqual(answer(given, () => 4));
  });

  test('takes mask and masked picture behind the latents', async () => {
    const unet = await open({ channels: 9 });
    expect(unet.config.inChannels).toBe(9);
    const given = inputs(2, [7]);
    const extra = hostTensor(new Float32Array(40).fill(9), [2, 5, 2, 2]);
    expect(await predicted(unet, { ...given, extra })).toEqual(answer(given, () => 7));
  });

  test('says by its inputs that it is an SDXL, and gets pooled text and sizes', async () => {
    const unet = await open({
      moreInputs: [
        ['text_embeds', 'float32', [B, 5]],
        ['time_ids', 'float32', [B, 6]],
      ],
    });
    expect(unet.config).toEqual({ inChannels: 4, guidanceWidth: undefined, added: { textWidth: 5 } });
    expect(unet.sampleSize).toBe(128);
    const given = inputs(2, [7]);
    const added = {
      textEmbeds: hostTensor([1, 0, 0, 0, 0, 2, 0, 0, 0, 0], [2, 5]),
      timeIds: Array<number>(12).fill(10),
    };
    expect(await predicted(unet, { ...given, added })).toEqual(
      answer(given, (row) => 7 + row + 1 + 60),
    );
  });

  test('says by its inputs that it is an LCM, and gets the embedded guidance scale', async () => {
    const unet = await open({ moreInputs: [['timestep_cond', 'float32', [B, 8]]] });
    expect(unet.config.guidanceWidth).toBe(8);
    const given = inputs(2, [7]);
    const timestepCond = hostTensor(new Float32Array(16).fill(0.5), [2, 8]);
    expect(await predicted(unet, { ...given, timestepCond })).toEqual(answer(given, () => 11));
  });

  test('has the size of its config, of its latents, or of its family', async () => {
    expect((await open()).sampleSize).toBe(64);
    expect((await open({}, { sample_size: 96 })).sampleSize).toBe(96);
    expect((await open({ sample: [B, 4, 2, 2] })).sampleSize).toBe(2);
  });

  test('refuses what it was not exported for, saying which', async () => {
    const message = async (task: Promise<unknown>): Promise<string> => {
      const error: unknown = await task.catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'unsupported' });
      return (error as Error).message;
    };
    const fixed = await open({ sample: [B, 4, 8, 8] });
    expect(await message(fixed.predict(inputs(1, [7])))).toBe(
      'toy/model.onnx was exported for sizes of its own: sample must be [B, 4, 8, 8], got [1, 4, 2, 2]',
    );
    const plain = await open();
    expect(await message(plain.predict({ ...inputs(1, [7]), control: [{}] }))).toMatch(
      /^toy\/model\.onnx is an exported graph without inputs for ControlNets/,
    );
    expect(await message(open({ moreInputs: [['image_embeds', 'float32', [B, 4]]] }))).toBe(
      'toy/model.onnx wants inputs that are not known here: image_embeds',
    );
    expect(await message(open({ names: { sample: 'picture' } }))).toMatch(
      /has no input sample or .*; it has picture \[batch, 4, height, width\], timestep \[1\]/,
    );
    expect(await message(open({ timestep: { dtype: 'bool', shape: [1] } }))).toMatch(
      /timestep has ONNX's element type 9/,
    );
  });
});
