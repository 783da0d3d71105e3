/**
 * Reads textual inversion files: vectors that stand for a word of the prompt.
 *
 * Formats: A1111's `.pt` (`string_to_param`) and `.safetensors` (`emb_params`), diffusers' learned embeddings in both
 * (one tensor, named like its word), and those for SDXL's two encoders (`clip_l`, `clip_g`).
 */

import { EngineError } from '../errors.ts';
import { hostTensor, isFiniteTensor, type HostTensor } from '../tensor/host-tensor.ts';
import { elementCount } from '../tensor/dtype.ts';
import type { ByteSource, TensorEntry } from './checkpoint.ts';
import { missingTensor } from './missing-tensor.ts';
import { PickledObject } from './pickle.ts';
import { readFloat32 } from './read-tensor.ts';
import { readSafetensors } from './safetensors.ts';
import { readTorchFile, torchFileKind, TorchTensor } from './torch-file.ts';

/** A word with vectors of its own. Plain data. */
export type Embedding = {
  /** The word, as prompts write it. */
  readonly name: string;
  /** For every text encoder it was trained for, [vectors, width]; encoders are told apart by their width. */
  readonly vectors: readonly HostTensor[];
};

/** Options of {@link readEmbedding}. */
export type ReadEmbeddingOptions = {
  /** The word; default what the file says (diffusers) or the file's name without its ending. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Most vectors of one word: it has to fit a chunk of the prompt. */
const MAX_VECTORS = 75;

/** Tensors by name, and what the file calls the word, if it does. */
type Content = { readonly word: string | undefined; readonly tensors: readonly TensorEntry[] };

/**
 * Reads a textual inversion file.
 *
 * @throws EngineError naming the file: `model-malformed` when it is damaged or holds something else, `unsupported` when its
 *   pickle names what no weights need. Nothing of a file is ever run.
 */
export async function readEmbedding(
  source: ByteSource,
  { name, signal }: ReadEmbeddingOptions = {},
): Promise<Embedding> {
  const { word, tensors } =
    (await torchFileKind(source, signal)) !== undefined
      ? torchContent(source, await readTorchFile(source, signal))
      : await safetensorsContent(source, signal);
  const vectors = await Promise.all(tensors.map((entry) => readVectors(source, entry, signal)));
  if (new Set(vectors.map(({ dims }) => dims[0])).size > 1) {
    throw unlike(source, 'its encoders have different numbers of vectors');
  }
  const fileName = source.name.replace(/^.*[\\/]/, '').replace(/\.(?:pt|bin|safetensors)$/i, '');
  return { name: (name ?? word ?? fileName).trim(), vectors };
}

function unlike(source: ByteSource, reason: string): EngineError {
  return new EngineError(
    'model-malformed',
    `${source.name} is no textual inversion file: ${reason}`,
    {
      detail: { name: source.name },
    },
  );
}

async function safetensorsContent(
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<Content> {
  const contents = await readSafetensors(source, signal === undefined ? {} : { signal });
  const names = [...contents.tensors.keys(), ...contents.others.keys()];
  const { word, keys } = chosen(source, names);
  const tensors = keys.map((key) => {
    const entry = contents.tensors.get(key);
    if (entry === undefined) throw missingTensor({ id: source.name, ...contents }, key);
    return entry;
  });
  return { word, tensors };
}

function torchContent(source: ByteSource, saved: unknown): Content {
  if (!(saved instanceof Map)) throw unlike(source, 'it holds no dictionary');
  const parameters: unknown = saved.get('string_to_param');
  if (parameters !== undefined) {
    const [[name, tensor] = [], ...more] = [...dictionary(parameters)];
    if (!(tensor instanceof TorchTensor) || more.length > 0) {
      throw unlike(source, 'its string_to_param does not hold one tensor');
    }
    return { word: undefined, tensors: [tensor.entry(String(name))] };
  }
  const named = new Map<string, TorchTensor>();
  for (const [name, value] of saved as Map<unknown, unknown>) {
    if (typeof name === 'string' && value instanceof TorchTensor) named.set(name, value);
  }
  const { word, keys } = chosen(source, [...named.keys()]);
  return { word, tensors: keys.map((key) => (named.get(key) as TorchTensor).entry(key)) };
}

/** What a ParameterDict or a plain dictionary holds. */
function dictionary(value: unknown): Map<unknown, unknown> {
  const inner: unknown =
    value instanceof PickledObject && value.state instanceof Map
      ? value.state.get('_parameters')
      : value;
  return inner instanceof Map ? (inner as Map<unknown, unknown>) : new Map<unknown, unknown>();
}

/** Which of the tensors are the vectors, and whether their name is the word. */
function chosen(
  source: ByteSource,
  names: readonly string[],
): { word: string | undefined; keys: readonly string[] } {
  const forEncoders = ['clip_l', 'clip_g'].filter((name) => names.includes(name));
  if (forEncoders.length > 0) return { word: undefined, keys: forEncoders };
  if (names.includes('emb_params')) return { word: undefined, keys: ['emb_params'] };
  const [only, ...more] = names;
  if (only !== undefined && more.length === 0) return { word: only, keys: [only] };
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');
  throw unlike(
    source,
    `it holds ${names.length} tensors${shown === '' ? '' : ` (${shown})`} instead of one word's`,
  );
}

async function readVectors(
  source: ByteSource,
  entry: TensorEntry,
  signal: AbortSignal | undefined,
): Promise<HostTensor> {
  const { shape } = entry;
  const [count = 0, width = 0] = shape.length === 1 ? [1, ...shape] : shape;
  if (shape.length < 1 || shape.length > 2 || elementCount(shape) === 0 || count > MAX_VECTORS) {
    const allowed = `1 to ${MAX_VECTORS} vectors`;
    throw unlike(
      source,
      `its tensor ${entry.name} of shape [${shape.join(', ')}] is not ${allowed}`,
    );
  }
  const vectors = hostTensor(await readFloat32(entry, signal), [count, width]);
  if (!isFiniteTensor(vectors))
    throw unlike(source, `its tensor ${entry.name} has numbers that are not finite`);
  return vectors;
}
