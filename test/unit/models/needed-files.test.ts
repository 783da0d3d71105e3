/**
 * Which files of a folder are needed, told from their names: those that exporters publish, as they lie on the hub.
 */

import { describe, expect, it } from 'vitest';
import { exportedBytes, neededFiles } from '../../../src/models/needed-files.ts';

const SMALL = [
  'model_index.json',
  'scheduler/scheduler_config.json',
  'tokenizer/tokenizer_config.json',
  'tokenizer/vocab.json',
  'tokenizer/merges.txt',
];

/** As Optimum writes SDXL: graphs, their weights beside those of the large ones. */
const OPTIMUM = [
  ...SMALL,
  'tokenizer_2/merges.txt',
  'tokenizer_2/tokenizer_config.json',
  'tokenizer_2/vocab.json',
  'text_encoder/config.json',
  'text_encoder/model.onnx',
  'text_encoder_2/config.json',
  'text_encoder_2/model.onnx',
  'text_encoder_2/model.onnx_data',
  'unet/config.json',
  'unet/model.onnx',
  'unet/model.onnx_data',
  'vae_decoder/config.json',
  'vae_decoder/model.onnx',
  'vae_encoder/config.json',
  'vae_encoder/model.onnx',
];

/** Bytes of a file: as many as its path has characters. */
const sizeOf = (path: string): number => path.length;

describe('of a folder of exported graphs', () => {
  it('graphs, the weights beside them and the configs are needed, and nothing else', () => {
    const others = ['README.md', 'unet/model_fp16.onnx', 'feature_extractor/preprocessor_config.json'];
    const needed = neededFiles([...OPTIMUM, ...others]);
    expect(needed.isWhole).toBe(true);
    expect(needed.paths.toSorted()).toEqual(OPTIMUM.toSorted());
    expect(exportedBytes(needed, sizeOf)).toEqual({
      text_encoder: 'text_encoder/model.onnx'.length,
      text_encoder_2: 'text_encoder_2/model.onnx'.length * 2 + '_data'.length,
      unet: 'unet/model.onnx'.length * 2 + '_data'.length,
      vae_decoder: 'vae_decoder/model.onnx'.length,
      vae_encoder: 'vae_encoder/model.onnx'.length,
    });
  });

  it.each(['weights.pb', 'model.onnx.data', 'model.onnx_data_1'])(
    'weights may be called %s',
    (name) => {
      const needed = neededFiles([...OPTIMUM, `vae_decoder/${name}`]);
      expect(needed).toMatchObject({ isWhole: true });
      expect(needed.exported.get('vae_decoder/')).toContain(`vae_decoder/${name}`);
    },
  );

  it('weights by names that nobody foresees make the sum unknown', () => {
    const needed = neededFiles([...OPTIMUM, 'unet/onnx__MatMul_4821']);
    expect(needed.isWhole).toBe(false);
    expect(needed.paths).toContain('unet/model.onnx_data');
    expect(exportedBytes(needed, sizeOf)).toBeUndefined();
  });

  it('a network of safetensors files counts before its export, whole or in parts', () => {
    const ours = ['unet/diffusion_pytorch_model.safetensors', 'vae/diffusion_pytorch_model.safetensors'];
    const needed = neededFiles([...OPTIMUM, ...ours, 'vae/config.json']);
    expect(needed.isWhole).toBe(true);
    expect(needed.paths).toEqual(expect.arrayContaining([...ours, 'vae/config.json']));
    expect([...needed.exported.keys()]).toEqual(['text_encoder/', 'text_encoder_2/']);
    expect(needed.paths.some((path) => /(unet|vae_decoder)\/model/.test(path))).toBe(false);
    const parts = 'unet/diffusion_pytorch_model.safetensors.index.json';
    expect(neededFiles([...OPTIMUM, parts])).toMatchObject({ isWhole: false });
  });

  it('an encoder without a decoder is no autoencoder', () => {
    const less = OPTIMUM.filter((path) => !path.startsWith('vae_decoder/'));
    expect([...neededFiles(less).exported.keys()]).not.toContain('vae_encoder/');
  });
});

describe('of a folder of one network', () => {
  it('its config and its weights are needed', () => {
    const paths = ['config.json', 'diffusion_pytorch_model.safetensors', 'README.md'];
    expect(neededFiles(paths)).toMatchObject({ paths: paths.slice(0, 2), isWhole: true });
    expect(neededFiles(['config.json']).isWhole).toBe(false);
  });
});
