/**
 * OpenCLIP's names, made here from a text encoder of transformers, give the same numbers.
 */

import { expect, it } from 'vitest';
import { textConfig } from '../../../../src/models/derived-configs.ts';
import { TextEncoder as ClipTextEncoder } from '../../../../src/models/text-encoder.ts';
import type { ClipOutput } from '../../../../src/networks/clip-text.ts';
import { startRuntime } from '../../../../src/runtime/start.ts';
import { bufferSource } from '../../../../src/weights/byte-source.ts';
import type { Checkpoint } from '../../../../src/weights/checkpoint.ts';
import { openCheckpoint } from '../../../../src/weights/safetensors.ts';
import { safetensorsFile } from '../../../../src/weights/safetensors-writer.ts';
import { openClip, openClipLayers } from '../../../../src/weights/single-file/open-clip.ts';
import { GoldenFolder } from '../../../../tools/conformance/folder.ts';
import { readGolden } from '../../../support/goldens.ts';

const PREFIX = 'conditioner.embedders.1.model.';

type Tensor = { shape: number[]; data: Uint16Array };

async function tensorsOf(checkpoint: Checkpoint): Promise<Map<string, Tensor>> {
  const result = new Map<string, Tensor>();
  for (const [name, { source, byteOffset, byteLength, shape }] of checkpoint.tensors) {
    const bytes = await source.read(byteOffset, byteOffset + byteLength);
    result.set(name, { shape: [...shape], data: new Uint16Array(bytes.slice().buffer) });
  }
  return result;
}

/** The same weights as OpenCLIP keeps them: q, k and v in one matrix, the projection transposed. */
function asOpenClip(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const made = new Map<string, Tensor>();
  const take = (name: string): Tensor =>
    tensors.get(name) ?? { shape: [], data: new Uint16Array() };
  const set = (name: string, tensor: Tensor): unknown => made.set(PREFIX + name, tensor);
  const body = tensors.has('text_model.embeddings.token_embedding.weight') ? 'text_model.' : '';
  set('positional_embedding', take(`${body}embeddings.position_embedding.weight`));
  set('token_embedding.weight', take(`${body}embeddings.token_embedding.weight`));
  set('logit_scale', { shape: [1], data: new Uint16Array(1) });
  for (const kind of ['weight', 'bias']) {
    set(`ln_final.${kind}`, take(`${body}final_layer_norm.${kind}`));
    for (let i = 0; tensors.has(`${body}encoder.layers.${i}.mlp.fc1.bias`); i++) {
      const [from, to] = [`${body}encoder.layers.${i}`, `transformer.resblocks.${i}`];
      set(`${to}.ln_1.${kind}`, take(`${from}.layer_norm1.${kind}`));
      set(`${to}.ln_2.${kind}`, take(`${from}.layer_norm2.${kind}`));
      set(`${to}.mlp.c_fc.${kind}`, take(`${from}.mlp.fc1.${kind}`));
      set(`${to}.mlp.c_proj.${kind}`, take(`${from}.mlp.fc2.${kind}`));
      set(`${to}.attn.out_proj.${kind}`, take(`${from}.self_attn.out_proj.${kind}`));
      const parts = ['q', 'k', 'v'].map((part) => take(`${from}.self_attn.${part}_proj.${kind}`));
      const [rows = 0, ...rest] = parts[0]?.shape ?? [];
      set(`${to}.attn.in_proj_${kind}`, {
        shape: [3 * rows, ...rest],
        data: Uint16Array.from(parts.flatMap(({ data }) => [...data])),
      });
    }
  }
  const { shape, data } = take('text_projection.weight');
  const [out = 0, width = 0] = shape;
  const turned = Uint16Array.from(
    data,
    (_, i) => data[(i % out) * width + Math.floor(i / out)] ?? 0,
  );
  set('text_projection', { shape: [width, out], data: turned });
  return made;
}

it('gives the states and the pooled text that transformers gives', async () => {
  const folder = new GoldenFolder(readGolden);
  const original = await folder.checkpoint('tiny-sdxl/text_encoder_2');
  const config = await folder.json('tiny-sdxl/text_encoder_2/config.json');
  const tensors = [...asOpenClip(await tensorsOf(original))].map(([name, { shape, data }]) => ({
    name,
    dtype: 'float16' as const,
    shape,
    bytes: new Uint8Array(data.buffer),
  }));
  const file = await openCheckpoint('open', [bufferSource(safetensorsFile(tensors), 'open')]);
  expect(openClipLayers(file, PREFIX)).toBe(config['num_hidden_layers']);
  const ours = openClip(file, PREFIX, { part: 'text_encoder_2', hasProjection: true });
  const { num_attention_heads: heads, hidden_size: width } = config as Record<string, number>;
  const derived = textConfig(ours, {
    activation: 'gelu',
    hasOpenClipProjection: true,
    headWidth: (width ?? 0) / (heads ?? 1),
  });

  const { runtime } = await startRuntime({ backend: 'wasm' });
  const outputs: ClipOutput[] = [
    { kind: 'hidden', name: 'state', layer: -2, normed: false },
    { kind: 'pooled', name: 'pooled', projected: true },
  ];
  const ids = Array.from({ length: 77 }, (_, i) => (i < 20 ? i * 7 : 2013));
  const expected = await new ClipTextEncoder(runtime, config, original).encode(ids, 77, outputs);
  const found = await new ClipTextEncoder(runtime, derived, ours).encode(ids, 77, outputs);
  expect(found['state']).toEqual(expected['state']);
  expect(found['pooled']).toEqual(expected['pooled']);
  await runtime.dispose();

  const shorter = openClip(file, PREFIX, { part: 'text_encoder', layers: 2, hasProjection: false });
  expect(textConfig(shorter, { activation: 'gelu', hasOpenClipProjection: false })).toMatchObject({
    num_hidden_layers: 2,
    architectures: ['CLIPTextModel'],
  });
});
