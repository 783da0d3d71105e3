/**
 * Token and position embedding of a CLIP text encoder, looked up on the CPU.
 *
 * The token table is the largest tensor of the encoder (152 MB in f32 for CLIP-L, beyond the default
 * limit of a WebGPU binding), yet a prompt needs 77 rows of it, so they are read from the file. Vectors of textual
 * inversion can be put in place of rows without touching the model.
 */

import { EngineError } from '../errors.ts';
import { WeightScope } from '../graph/weight-scope.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { readRows } from '../weights/read-tensor.ts';
import { clipBody, type ClipTextConfig } from './clip-text.ts';

/**
 * The encoder's input for `ids` [batch, tokens]: Float32Array of [batch, tokens, width].
 *
 * @param ids token ids row by row, each from 0 to the vocabulary's size less one.
 * @param tokens tokens a row, at most the model's positions (77).
 */
export async function clipEmbeddings(
  config: ClipTextConfig,
  checkpoint: Checkpoint,
  ids: ArrayLike<number>,
  tokens: number,
  signal?: AbortSignal,
): Promise<Float32Array<ArrayBuffer>> {
  if (tokens < 1 || tokens > config.positions || ids.length % tokens !== 0) {
    throw new EngineError(
      'invalid-argument',
      `tokens must be from 1 to ${config.positions} and divide the number of ids, got ${tokens} for ${ids.length} ids`,
    );
  }
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (!Number.isInteger(id) || id < 0 || id >= config.vocabulary) {
      throw new EngineError(
        'invalid-argument',
        `ids[${i}] must be from 0 to ${config.vocabulary - 1}, got ${id}`,
      );
    }
  }
  const { width } = config;
  const w = clipBody(WeightScope.of(checkpoint)).at('embeddings');
  const table = w.at('token_embedding').take('weight', [config.vocabulary, width]);
  const positionTable = w.at('position_embedding').take('weight', [config.positions, width]);
  const positions = await readRows(
    positionTable,
    Array.from({ length: tokens }, (_, i) => i),
    signal,
  );
  const embeddings = await readRows(table, ids, signal);
  for (let i = 0; i < embeddings.length; i++) {
    embeddings[i] = (embeddings[i] as number) + (positions[i % positions.length] as number);
  }
  return embeddings;
}

/**
 * The `pool_mask` of a batch of ids [batch, tokens]: 1 at each row's first end token.
 *
 * Configs of early exports say that the end token is 2; transformers then takes the highest id of the row, and
 * so does this.
 */
export function clipPoolMask(
  config: ClipTextConfig,
  ids: ArrayLike<number>,
  tokens: number,
): Float32Array<ArrayBuffer> {
  const mask = new Float32Array(ids.length);
  for (let start = 0; start < ids.length; start += tokens) {
    const row = Array.from({ length: tokens }, (_, i) => ids[start + i] as number);
    const at = config.endToken === 2 ? row.indexOf(Math.max(...row)) : row.indexOf(config.endToken);
    if (at < 0)
      throw new EngineError(
        'invalid-argument',
        `row ${start / tokens} of the ids has no end token ${config.endToken}`,
      );
    mask[start + at] = 1;
  }
  return mask;
}
