/**
 * CLIPTextModel and CLIPTextModelWithProjection of transformers.
 *
 * Input: `embeddings` [B, T, C], token plus position embedding (see clip-embeddings.ts: the lookup reads a few
 * rows of the file and needs no graph). Outputs as asked: hidden states of any layer, with or without
 * the final norm, and the pooled, projected embedding. Layers behind the last one asked for are left out.
 */

import { EngineError } from '../errors.ts';
import type { GraphModule, Value } from '../graph/builder.ts';
import type { GraphOps } from '../graph/ops.ts';
import type { WeightScope } from '../graph/weight-scope.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { ConfigReader, type JsonConfig } from './config.ts';
import { buildGraph, openSizes, type NetworkOptions } from './network.ts';

/** The shape of a CLIP text encoder. */
export type ClipTextConfig = {
  readonly vocabulary: number;
  readonly positions: number;
  readonly width: number;
  readonly feedForwardWidth: number;
  readonly layers: number;
  readonly heads: number;
  readonly activation: 'quick_gelu' | 'gelu';
  readonly eps: number;
  readonly projectionWidth: number;
  /** Whether the model has a `text_projection`. */
  readonly hasProjection: boolean;
  /** Whether it lies in the file as [in, out], as OpenCLIP has it. */
  readonly isProjectionTransposed: boolean;
  readonly endToken: number;
};

/** One output of the encoder. */
export type ClipOutput =
  /** Hidden state number `layer`: 0 is the embedding, negative numbers count from the last one (-1). */
  | {
      readonly kind: 'hidden';
      readonly name: string;
      readonly layer: number;
      readonly normed: boolean;
    }
  /**
   * The normed last state at the token that `pool_mask` [B, T] picks (1 there, 0 elsewhere), projected if asked.
   */
  | { readonly kind: 'pooled'; readonly name: string; readonly projected: boolean };

/** Options of {@link clipTextGraph}. */
export type ClipTextOptions = NetworkOptions & { readonly outputs: readonly ClipOutput[] };

/** Reads a text encoder's config.json. */
export function parseClipTextConfig(json: JsonConfig): ClipTextConfig {
  const config = new ConfigReader('text encoder config', json);
  const architectures = json['architectures'];
  return {
    vocabulary: config.number('vocab_size', 49408),
    positions: config.number('max_position_embeddings', 77),
    width: config.number('hidden_size', 512),
    feedForwardWidth: config.number('intermediate_size', 2048),
    layers: config.number('num_hidden_layers', 12),
    heads: config.number('num_attention_heads', 8),
    activation: config.choice('hidden_act', ['quick_gelu', 'gelu'], 'quick_gelu'),
    eps: config.number('layer_norm_eps', 1e-5),
    projectionWidth: config.number('projection_dim', 512),
    hasProjection:
      Array.isArray(architectures) && architectures.includes('CLIPTextModelWithProjection'),
    isProjectionTransposed: config.boolean('text_projection_is_transposed', false),
    endToken: config.number('eos_token_id', 49407),
  };
}

/** The scope below the optional `text_model.` prefix: transformers 5 writes some files without it. */
export function clipBody(w: WeightScope): WeightScope {
  return w.has('text_model') ? w.at('text_model') : w;
}

/** Writes the graph of a text encoder with the outputs asked for. */
export function clipTextGraph(
  config: ClipTextConfig,
  checkpoint: Checkpoint,
  options: ClipTextOptions,
): GraphModule {
  const depth = deepestLayer(config, options.outputs);
  return buildGraph('clip_text', checkpoint, options, (ops, w) => {
    const body = clipBody(w);
    body.skip('embeddings');
    const { batch, tokens } = openSizes();
    const embeddings = ops.input('embeddings', [batch, tokens, config.width]);
    const states = [embeddings];
    for (let i = 0; i < config.layers; i++) {
      const layer = body.at('encoder.layers').at(i);
      if (i >= depth) body.skip(`encoder.layers.${i}`);
      else states.push(encoderLayer(ops, config, states.at(-1) as Value, layer));
    }
    const norm = (x: Value): Value => ops.layerNorm(x, body.at('final_layer_norm'), config.eps);
    if (!options.outputs.some((output) => output.kind === 'pooled' || output.normed))
      body.skip('final_layer_norm');
    if (!options.outputs.some((output) => output.kind === 'pooled' && output.projected))
      w.skip('text_projection');
    let mask: Value | undefined;
    for (const output of options.outputs) {
      if (output.kind === 'hidden') {
        const state = states[layerIndex(config, output.layer)] as Value;
        ops.output(output.name, output.normed ? norm(state) : state);
      } else {
        mask ??= ops.input('pool_mask', [batch, 1, tokens]);
        ops.output(
          output.name,
          pooled(ops, config, norm(states.at(-1) as Value), mask, output.projected, w),
        );
      }
    }
  });
}

function layerIndex(config: ClipTextConfig, layer: number): number {
  const index = layer < 0 ? config.layers + 1 + layer : layer;
  if (!Number.isInteger(layer) || index < 0 || index > config.layers) {
    const message = `layer must be a whole number from ${-config.layers - 1} to ${config.layers}, got ${layer}`;
    throw new EngineError('invalid-argument', message, {
      detail: { field: 'layer', value: layer },
    });
  }
  return index;
}

function deepestLayer(config: ClipTextConfig, outputs: readonly ClipOutput[]): number {
  const depths = outputs.map((output) =>
    output.kind === 'pooled' ? config.layers : layerIndex(config, output.layer),
  );
  return Math.max(0, ...depths);
}

function encoderLayer(ops: GraphOps, config: ClipTextConfig, x: Value, w: WeightScope): Value {
  const { width: out, heads, eps } = config;
  const attention = w.at('self_attn');
  const normed = ops.layerNorm(x, w.at('layer_norm1'), eps);
  const q = ops.linear(normed, attention.at('q_proj'), { out });
  const k = ops.linear(normed, attention.at('k_proj'), { out });
  const v = ops.linear(normed, attention.at('v_proj'), { out });
  const attended = ops.attention(q, k, v, { heads, causal: true });
  const h = ops.add(ops.linear(attended, attention.at('out_proj'), { out }), x);

  const wide = ops.linear(ops.layerNorm(h, w.at('layer_norm2'), eps), w.at('mlp.fc1'), {
    out: config.feedForwardWidth,
  });
  const active = config.activation === 'gelu' ? ops.gelu(wide) : ops.quickGelu(wide);
  return ops.add(ops.linear(active, w.at('mlp.fc2'), { out }), h);
}

function pooled(
  ops: GraphOps,
  config: ClipTextConfig,
  state: Value,
  mask: Value,
  isProjected: boolean,
  w: WeightScope,
): Value {
  const picked = ops.pick(mask, state);
  if (!isProjected) return picked;
  return ops.linear(picked, w.at('text_projection'), {
    out: config.projectionWidth,
    bias: false,
    isStoredTransposed: config.isProjectionTransposed,
  });
}
