/**
 * Reads a LoRA file: which modules it changes, and with which tensors. Whether a model has those modules is not known yet.
 */

import { EngineError } from '../../errors.ts';
import { BYTES_PER_ELEMENT } from '../../tensor/dtype.ts';
import type { ByteSource, TensorEntry } from '../checkpoint.ts';
import { toFloat32 } from '../read-tensor.ts';
import { readSafetensors, type OtherEntry } from '../safetensors.ts';
import { readTorchFile, torchFileKind, TorchTensor } from '../torch-file.ts';
import { adapterAlphas } from './adapter-metadata.ts';
import { parseLoraKey, type LoraPartName } from './key-styles.ts';

/** What a file has for one module. */
export type LoraModule = {
  /** As the file calls it, without the part. */
  readonly name: string;
  /** All keys of it. */
  readonly keys: readonly string[];
  readonly tensors: ReadonlyMap<LoraPartName, TensorEntry>;
  /** The change counts `alpha / rank`; undefined for 1. */
  readonly alpha: number | undefined;
  /** What the change counts, in place of `alpha / rank`. */
  readonly scale: number | undefined;
  /** IA3: whether inputs are scaled, not outputs; undefined for every other kind. */
  readonly isOnInput: boolean | undefined;
};

/** A LoRA file that was read; of its weights, nothing yet. */
export type LoraFile = {
  /** The file's name. */
  readonly name: string;
  readonly modules: readonly LoraModule[];
  /** Keys of no known style. */
  readonly unknown: readonly string[];
};

/** Parts that are single numbers. */
const SCALARS: readonly LoraPartName[] = ['alpha', 'scale', 'on_input'];

/** Everything a file holds, by key. */
type Contents = {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly others: ReadonlyMap<string, OtherEntry>;
  readonly metadata: Readonly<Record<string, string>>;
};

/**
 * Reads a file of safetensors, or one of `torch.save` (without running anything in it).
 *
 * @throws EngineError `model-malformed` when it is damaged or holds no LoRA, `unsupported` as {@link readTorchFile}.
 */
export async function readLora(source: ByteSource, signal?: AbortSignal): Promise<LoraFile> {
  const contents =
    (await torchFileKind(source, signal)) === undefined
      ? await readSafetensors(source, signal === undefined ? {} : { signal })
      : torchContents(source, await readTorchFile(source, signal));
  const groups = new Map<string, Map<LoraPartName, string>>();
  const unknown: string[] = [];
  for (const key of [...contents.tensors.keys(), ...contents.others.keys()]) {
    const parsed = parseLoraKey(key);
    if (parsed === undefined) {
      unknown.push(key);
      continue;
    }
    const group = groups.get(parsed.module) ?? new Map<LoraPartName, string>();
    group.set(parsed.part, key);
    groups.set(parsed.module, group);
  }
  const alphaOf = adapterAlphas(source.name, contents.metadata);
  const modules = await Promise.all(
    [...groups].map(([name, keys]) =>
      readModule(source, contents, { name, keys, alphaOf, signal }),
    ),
  );
  // A plain checkpoint has weights too: those alone make no LoRA.
  const isLora = ({ tensors, isOnInput }: LoraModule): boolean =>
    isOnInput !== undefined || [...tensors.keys()].some((part) => part !== 'weight');
  if (!modules.some(isLora)) {
    const message = `${source.name} is no LoRA file: none of its ${groups.size + unknown.length} names is one of a LoRA`;
    throw new EngineError('model-malformed', message, { detail: { name: source.name } });
  }
  return { name: source.name, modules, unknown };
}

function torchContents(source: ByteSource, saved: unknown): Contents {
  const tensors = new Map<string, TensorEntry>();
  if (saved instanceof Map) {
    for (const [key, value] of saved as Map<unknown, unknown>) {
      if (typeof key === 'string' && value instanceof TorchTensor)
        tensors.set(key, value.entry(key));
    }
  }
  if (tensors.size > 0) return { tensors, others: new Map(), metadata: {} };
  throw new EngineError(
    'model-malformed',
    `${source.name} is no LoRA file: it holds no tensors by name`,
    {
      detail: { name: source.name },
    },
  );
}

async function readModule(
  source: ByteSource,
  { tensors: all, others }: Contents,
  {
    name,
    keys,
    alphaOf,
    signal,
  }: {
    name: string;
    keys: ReadonlyMap<LoraPartName, string>;
    alphaOf: (module: string, rank: number) => number | undefined;
    signal: AbortSignal | undefined;
  },
): Promise<LoraModule> {
  const tensors = new Map<LoraPartName, TensorEntry>();
  const scalars = new Map<LoraPartName, number>();
  for (const [part, key] of keys) {
    const entry = all.get(key);
    const other = others.get(key);
    if (SCALARS.includes(part))
      scalars.set(part, await readScalar(source, entry ?? other, key, signal));
    else if (entry !== undefined) tensors.set(part, entry);
    else throw refusal(source, key, `its elements are ${other?.dtype ?? 'unknown'}`);
  }
  const rank = tensors.get('down')?.shape[0] ?? 1;
  const onInput = scalars.get('on_input');
  return {
    name,
    keys: [...keys.values()],
    tensors,
    alpha: scalars.get('alpha') ?? alphaOf(name, rank),
    scale: scalars.get('scale'),
    isOnInput: onInput === undefined ? undefined : onInput !== 0,
  };
}

function refusal(source: ByteSource, key: string, reason: string): EngineError {
  return new EngineError('unsupported', `${key} of ${source.name} cannot be used: ${reason}`, {
    detail: { name: source.name, key },
  });
}

/** A number in any format that files have it in. */
async function readScalar(
  source: ByteSource,
  entry: TensorEntry | OtherEntry | undefined,
  key: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (entry === undefined || entry.shape.some((dim) => dim !== 1)) {
    throw refusal(source, key, `it is not one number but [${entry?.shape.join(', ') ?? ''}]`);
  }
  const { byteOffset, byteLength } = entry;
  const bytes = await entry.source.read(byteOffset, byteOffset + byteLength, signal);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (entry.dtype) {
    case 'F64':
      return view.getFloat64(0, true);
    case 'I64':
      return Number(view.getBigInt64(0, true));
    case 'I32':
      return view.getInt32(0, true);
    case 'BOOL':
    case 'U8':
      return view.getUint8(0);
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return toFloat32(bytes.slice(0, BYTES_PER_ELEMENT[entry.dtype]), entry.dtype)[0] ?? 0;
    default:
      throw refusal(source, key, `its element is ${entry.dtype}`);
  }
}
