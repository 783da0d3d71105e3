/**
 * OpenCLIP's names of a text encoder's tensors, as transformers calls them.
 *
 * OpenCLIP keeps queries, keys and values in one matrix, one below the other, and its projection transposed: the config
 * says so to the network (`text_projection_is_transposed`).
 */

import type { Checkpoint, TensorEntry } from '../checkpoint.ts';
import { renamed, rowsOf } from './renamed.ts';

const LAYER_PARTS: Readonly<Record<string, string>> = {
  ln_1: 'layer_norm1',
  ln_2: 'layer_norm2',
  'attn.out_proj': 'self_attn.out_proj',
  'mlp.c_fc': 'mlp.fc1',
  'mlp.c_proj': 'mlp.fc2',
};

const OUTER: Readonly<Record<string, string>> = {
  positional_embedding: 'text_model.embeddings.position_embedding.weight',
  'token_embedding.weight': 'text_model.embeddings.token_embedding.weight',
  'ln_final.weight': 'text_model.final_layer_norm.weight',
  'ln_final.bias': 'text_model.final_layer_norm.bias',
  text_projection: 'text_projection.weight',
};

/** Options of {@link openClip}. */
export type OpenClipOptions = {
  /** What the part is called in the checkpoint's id. */
  readonly part: string;
  /** Layers to keep: Stable Diffusion 2 reads the last but one and leaves the last out. Default all. */
  readonly layers?: number;
  /** Whether the projection is kept. */
  readonly hasProjection: boolean;
};

/** The text encoder whose names begin with `prefix`, under transformers' names. */
export function openClip(
  checkpoint: Checkpoint,
  prefix: string,
  { part, layers = Infinity, hasProjection }: OpenClipOptions,
): Checkpoint {
  return renamed(checkpoint, prefix, part, (entry) => {
    const { name } = entry;
    if (name === 'text_projection' && !hasProjection) return [];
    const outer = OUTER[name];
    if (outer !== undefined) return [{ ...entry, name: outer }];
    const match = /^transformer\.resblocks\.(\d+)\.(.+)$/.exec(name);
    if (match === null) return []; // logit_scale, attn_mask
    const [, index = '', inner = ''] = match;
    if (Number(index) >= layers) return [];
    return layerEntries(entry, `text_model.encoder.layers.${index}`, inner);
  });
}

/** The number of layers that a file has. */
export function openClipLayers({ tensors }: Checkpoint, prefix: string): number {
  let count = 0;
  while (tensors.has(`${prefix}transformer.resblocks.${count}.ln_1.weight`)) count++;
  return count;
}

function layerEntries(entry: TensorEntry, layer: string, inner: string): TensorEntry[] {
  const fused = /^attn\.in_proj_(weight|bias)$/.exec(inner);
  if (fused !== null) {
    const third = (entry.shape[0] ?? 0) / 3;
    return ['q', 'k', 'v'].map((part, i) =>
      rowsOf(entry, `${layer}.self_attn.${part}_proj.${fused[1]}`, i * third, (i + 1) * third),
    );
  }
  const end = inner.lastIndexOf('.');
  const name = LAYER_PARTS[inner.slice(0, end)] ?? inner.slice(0, end);
  return [{ ...entry, name: `${layer}.${name}${inner.slice(end)}` }];
}
