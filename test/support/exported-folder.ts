/**
 * A whole model folder as exporters publish it, of toy networks: small enough to be drawn with in a moment, everywhere.
 */

import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataLocation } from 'onnx-buf';
import {
  H,
  W,
  toyDecoder,
  toyEncoder,
  toyTextEncoder,
  toyUNet,
  TOY_WIDTH,
} from './exported-models.ts';
import { decodeModel } from './onnx.ts';

/** Reads a file of the goldens. */
type ReadGolden = (path: string) => Promise<Uint8Array<ArrayBuffer>>;

/** The files of the folder by path: with a fixed batch of 1, and weights of the decoder in a file of their own. */
export async function exportedFolder(
  readGolden: ReadGolden,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const json = (value: object): Uint8Array<ArrayBuffer> =>
    new Uint8Array(new TextEncoder().encode(JSON.stringify(value)));
  const decoder = withWeightsBeside(toyDecoder(), 'weights.pb');
  const taken = [
    'model_index.json',
    'scheduler/scheduler_config.json',
    'tokenizer/tokenizer.json',
    'tokenizer/tokenizer_config.json',
  ];
  const golden = taken.map(async (path): Promise<[string, Uint8Array<ArrayBuffer>]> => [
    path,
    await readGolden(`tiny-sd15-onnx/${path}`),
  ]);
  return new Map([
    ...(await Promise.all(golden)),
    ['text_encoder/model.onnx', toyTextEncoder({ outputs: ['last_hidden_state'] })],
    ['unet/model.onnx', toyUNet({ sample: [1, 4, H, W], contextWidth: TOY_WIDTH })],
    ['vae_decoder/model.onnx', decoder.model],
    ['vae_decoder/weights.pb', decoder.weights],
    ['vae_decoder/config.json', json({ scaling_factor: 0.25 })],
    ['vae_encoder/model.onnx', toyEncoder('latent_sample', { moments: false })],
  ]);
}

/** A file whose weights lie in another one, one behind the other. */
function withWeightsBeside(
  bytes: Uint8Array,
  location: string,
): { model: Uint8Array<ArrayBuffer>; weights: Uint8Array<ArrayBuffer> } {
  const model = decodeModel(bytes);
  const weights: number[] = [];
  for (const tensor of model.graph?.initializer ?? []) {
    const entries = { location, offset: weights.length, length: tensor.rawData.length };
    weights.push(...tensor.rawData);
    tensor.rawData = new Uint8Array();
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    tensor.externalData = Object.entries(entries).map(([key, value]) => ({
      $typeName: 'onnx.StringStringEntryProto',
      key,
      value: String(value),
    }));
  }
  return {
    model: new Uint8Array(toBinary(ModelProtoSchema, model)),
    weights: Uint8Array.from(weights),
  };
}
