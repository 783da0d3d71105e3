/**
 * A CLIP text encoder ready to run: ids in, hidden states out.
 */

import { clipEmbeddings, clipPoolMask } from '../networks/clip-embeddings.ts';
import {
  clipTextGraph,
  parseClipTextConfig,
  type ClipOutput,
  type ClipTextConfig,
} from '../networks/clip-text.ts';
import type { JsonConfig } from '../networks/config.ts';
import type { RunTensor } from '../runtime/backend.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { Stage, type QuantisableOptions } from '../runtime/stage.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import type { TextNetwork } from './model-networks.ts';
import type { EncodeOptions } from './network-inputs.ts';

/** See the file's header. */
export class TextEncoder implements TextNetwork {
  readonly config: ClipTextConfig;
  /** The network in all its graphs. */
  readonly stage: Stage<readonly ClipOutput[]>;
  readonly #runtime: Runtime;

  constructor(
    runtime: Runtime,
    json: JsonConfig,
    checkpoint: Checkpoint,
    { weightBits }: QuantisableOptions = {},
  ) {
    const config = parseClipTextConfig(json);
    this.#runtime = runtime;
    this.config = config;
    this.stage = new Stage({
      name: 'text encoder',
      checkpoint,
      isSafeInHalf: true,
      isQuantisable: true,
      weightBits,
      build: (outputs, options) => clipTextGraph(config, checkpoint, { ...options, outputs }),
    });
  }

  get checkpointIds(): readonly string[] {
    return [this.stage.checkpoint.id];
  }

  /**
   * Encodes ids [batch, tokens] (row by row; tokens at most 77) into the outputs asked for, by their names.
   */
  async encode(
    ids: ArrayLike<number>,
    tokens: number,
    outputs: readonly ClipOutput[],
    { extraEmbeddings: extra, ...options }: EncodeOptions = {},
  ): Promise<Record<string, RunTensor>> {
    const { checkpoint } = this.stage;
    const { signal } = options;
    const data = await clipEmbeddings(this.config, checkpoint, ids, tokens, { extra, signal });
    const batch = ids.length / tokens;
    const inputs: Record<string, HostTensor> = {
      embeddings: { dims: [batch, tokens, this.config.width], data },
    };
    if (outputs.some(({ kind }) => kind === 'pooled')) {
      const mask = clipPoolMask(this.config, ids, tokens);
      inputs['pool_mask'] = { dims: [batch, 1, tokens], data: mask };
    }
    return this.#runtime.run(this.stage, outputs, inputs, options);
  }
}
