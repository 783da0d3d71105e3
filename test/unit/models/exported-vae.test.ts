/**
 * Autoencoders as exporters write them: a decoder, and an encoder that gives moments, latents, or is not there.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExportedVae } from '../../../src/models/exported/exported-vae.ts';
import { encodePicture } from '../../../src/pipelines/picture-latents.ts';
import { TorchGenerator } from '../../../src/rng/torch-generator.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';
import { opened, toyDecoder, toyEncoder } from '../../support/exported-models.ts';

let runtime: Runtime;
beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
});
afterAll(() => runtime.dispose());

const open = async (
  encoder: Uint8Array | undefined,
  config = {},
  decoder = toyDecoder(),
): Promise<ExportedVae> => {
  const files = {
    decoder: await opened(decoder, 'vae_decoder/model.onnx'),
    encoder: encoder && (await opened(encoder, 'vae_encoder/model.onnx')),
  };
  return new ExportedVae(runtime, config, files, 0.18215);
};

/** Red 0.5, green 0.25, blue -1. */
const picture = hostTensor(
  [0.5, 0.25, -1].flatMap((value) => Array<number>(16 * 8).fill(value)),
  [1, 3, 16, 8],
);

describe('an exported autoencoder', () => {
  test.each([
    ['latent_sample', 'sample'],
    ['z', 'image'],
    ['latents', 'y'],
  ])('decodes %s to %s', async (input, output) => {
    const vae = await open(undefined, {}, toyDecoder(input, output));
    const latents = hostTensor([1, 2, 3, 4, 5, 6, 7, 8], [1, 4, 2, 1]);
    const { dims, data } = (await vae.decode(latents)) as HostTensor;
    expect(dims).toEqual([1, 3, 16, 8]);
    expect([data[0], data[63], data[64], data[128], data[383]]).toEqual([1, 1, 2, 3, 6]);
  });

  test('has the scaling factor of its config, else of its family', async () => {
    const config = { scaling_factor: 0.13025, block_out_channels: [1, 2, 3] };
    expect((await open(undefined)).config).toEqual({ latentChannels: 4, scalingFactor: 0.18215 });
    expect(await open(undefined, config)).toMatchObject({
      config: { scalingFactor: 0.13025 },
      scale: 4,
    });
    expect((await open(undefined)).scale).toBe(8);
  });

  test.each([
    ['latent_sample', false, true],
    ['latent_sample', false, false],
    ['latent_parameters', true, true],
    ['latent_parameters', true, false],
  ])('knows of %s whether they are moments', async (name, moments, fixesChannels) => {
    const vae = await open(toyEncoder(name, { moments, fixesChannels }), { scaling_factor: 0.5 });
    expect(vae.hasPosterior).toBe(moments);
    const source = new TorchGenerator(3);
    const options = { samples: 1, source, run: {} };
    const { dims, data } = await encodePicture(vae, picture, options);
    expect(dims).toEqual([1, 4, 2, 1]);
    const noise = moments ? new TorchGenerator(3).normal(8) : new Float32Array(8);
    const means = [0.5, 0.5, 0.25, 0.25, -1, -1, 0.5, 0.5];
    for (const [i, mean] of means.entries())
      expect(data[i]).toBeCloseTo((mean + (noise[i] ?? NaN)) * 0.5, 5);
  });

  test('without an encoder says that it cannot start from a picture', async () => {
    const vae = await open(undefined);
    await expect(vae.encode(picture)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('vae_encoder/model.onnx') as string,
    });
  });
});
