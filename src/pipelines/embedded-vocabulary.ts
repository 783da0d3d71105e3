/**
 * The words that textual inversion files add to a model's vocabulary.
 */

import { EngineError } from '../errors.ts';
import type { DiffusionModel } from '../models/diffusion-model.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { EmbeddedWord } from '../text/prompt/embedded-words.ts';
import type { Embedding } from '../weights/embedding.ts';

/** See the file's header. */
export type EmbeddedVocabulary = {
  readonly words: readonly EmbeddedWord[];
  /**
   * For each of the model's text encoders the vectors [count, width] of all words, whose ids begin behind the vocabulary;
   * empty without words.
   */
  readonly vectors: readonly HostTensor[];
};

/**
 * Gives ids to the vectors of embeddings.
 *
 * @throws EngineError `invalid-argument` for one that has no vectors of a text encoder's width, and for a name that is empty
 *   or there twice.
 */
export function embeddedVocabulary(
  model: DiffusionModel,
  embeddings: readonly Embedding[],
): EmbeddedVocabulary {
  if (embeddings.length === 0) return { words: [], vectors: [] };
  const configs = model.texts.map(({ encoder }) => encoder.config);
  const names = new Set<string>();
  let next = configs[0]?.vocabulary ?? 0;
  const words = embeddings.map((embedding): EmbeddedWord => {
    checkName(embedding, names);
    const [{ dims: [count = 0] } = { dims: [] }] = embedding.vectors;
    const ids = Array.from({ length: count }, (_, i) => next + i);
    next += count;
    return { name: embedding.name, ids };
  });
  const vectors = configs.map(({ width }): HostTensor => {
    const parts = embeddings.map((embedding) => vectorsOf(embedding, width, model));
    const data = Float32Array.from(parts.flatMap((part) => [...part.data]));
    return { dims: [data.length / width, width], data };
  });
  return { words, vectors };
}

function checkName({ name }: Embedding, names: Set<string>): void {
  const key = name.toLowerCase();
  if (name === '') throw wrong(name, 'has no name');
  if (names.has(key)) throw wrong(name, 'is there twice; names count in any case of letters');
  names.add(key);
}

function vectorsOf({ name, vectors }: Embedding, width: number, model: DiffusionModel): HostTensor {
  const fitting = vectors.find(({ dims }) => dims[1] === width);
  if (fitting !== undefined) return fitting;
  const widths = vectors.map(({ dims }) => dims[1]).join(' and ');
  throw wrong(
    name,
    `has vectors of ${widths} numbers and is for another family of models: a text encoder of ${model.name} takes ${width}`,
  );
}

function wrong(name: string, reason: string): EngineError {
  return new EngineError('invalid-argument', `the embedding ${name} ${reason}`, {
    detail: { field: 'embeddings', name },
  });
}
