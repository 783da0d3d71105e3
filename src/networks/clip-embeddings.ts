/**
 * Token and position embedding of a CLIP text encoder, looked up on the CPU.
 *
 * The token table is the largest tensor of the encoder (152 MB in f32 for CLIP-L, beyond the default
 * limit of a WebGPU binding), yet a prompt needs 77 rows of it, so they are read from the file. Vectors of textual
 * inversion have the ids behind the vocabulary, so that neither model nor graph is touched.
 */

import { EngineError } from '../errors.ts';
import { WeightScope } from '../graph/weight-scope.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { readRows } from '../weights/read-tensor.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { clipBody, type ClipTextConfig } from './clip-text.ts';

/** Options of {@link clipEmbeddings}. */
export type ClipEmbeddingsOptions = {
  /** Vectors [count, width] of the ids from the vocabulary's size on, in place of rows of the table. */
  readonly extra?: HostTensor | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * The encoder's input for `ids` [batch, tokens]: Float32Array of [batch, tokens, width].
 *
 * @param ids token ids row by row, each from 0 to the vocabulary's size less one, or of an extra vector.
 * @param tokens tokens a row, at most the model's positions (77).
 */
export async function clipEmbeddings(
  config: ClipTextConfig,
  checkpoint: Checkpoint,
  ids: ArrayLike<number>,
  tokens: number,
  { extra, signal }: ClipEmbeddingsOptions = {},
): Promise<Float32Array<ArrayBuffer>> {
  const { width, vocabulary } = config;
  if (tokens < 1 || tokens > config.positions || ids.length % tokens !== 0) {
    throw new EngineError(
      'invalid-argument',
      `tokens must be from 1 to ${config.positions} and divide the number of ids, got ${tokens} for ${ids.length} ids`,
    );
  }
  if (extra !== undefined && extra.dims[1] !== width) {
    throw new EngineError(
      'invalid-argument',
      `extra vectors must have the encoder's width ${width}, got [${extra.dims.join(', ')}]`,
    );
  }
  const count = vocabulary + (extra?.dims[0] ?? 0);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (!Number.isInteger(id) || id < 0 || id >= count) {
      throw new EngineError(
        'invalid-argument',
        `ids[${i}] must be from 0 to ${count - 1}, got ${id}`,
      );
    }
  }
  const w = clipBody(WeightScope.of(checkpoint)).at('embeddings');
  const table = w.at('token_embedding').take('weight', [vocabulary, width]);
  const positionTable = w.at('position_embedding').take('weight', [config.positions, width]);
  const positions = await readRows(
    positionTable,
    Array.from({ length: tokens }, (_, i) => i),
    signal,
  );
  const known = Array.from(ids, (id) => (id < vocabulary ? id : 0));
  const embeddings = await readRows(table, known, signal);
  for (let i = 0; i < ids.length; i++) {
    const row = (ids[i] as number) - vocabulary;
    if (row >= 0) {
      embeddings.set(
        (extra as HostTensor).data.subarray(row * width, (row + 1) * width),
        i * width,
      );
    }
  }
  for (let i = 0; i < embeddings.length; i++) {
    embeddings[i] = (embeddings[i] as number) + (positions[i % positions.length] as number);
  }
  return embeddings;
}

/**
 * The `pool_mask` of a batch of ids [batch, tokens]: 1 at each row's first end token.
 *
 * Configs of early exports say that the end token is 2; transformers then takes the highest id of the row, and
 * so does this; ids of extra vectors, which are higher, are left aside.
 */
export function clipPoolMask(
  config: ClipTextConfig,
  ids: ArrayLike<number>,
  tokens: number,
): Float32Array<ArrayBuffer> {
  const mask = new Float32Array(ids.length);
  for (let start = 0; start < ids.length; start += tokens) {
    const row = Array.from({ length: tokens }, (_, i) => ids[start + i] as number);
    const highest = Math.max(...row.filter((id) => id < config.vocabulary));
    const at = row.indexOf(config.endToken === 2 ? highest : config.endToken);
    if (at < 0)
      throw new EngineError(
        'invalid-argument',
        `row ${start / tokens} of the ids has no end token ${config.endToken}`,
      );
    mask[start + at] = 1;
  }
  return mask;
}
