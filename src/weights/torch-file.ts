/**
 * Reads what `torch.save` wrote: a zip archive with a pickle and the bytes of its tensors.
 *
 * Format: PyTorch 1.6 and later, `data.pkl` beside `data/0`, `data/1`, … . Only the functions listed here may be named by
 * the pickle, and none of them is Python: each is a few lines of this file. Tensors become entries like those of
 * safetensors files; nothing of them is read yet.
 */

import { EngineError } from '../errors.ts';
import { elementCount } from '../tensor/dtype.ts';
import type { ByteSource, TensorEntry } from './checkpoint.ts';
import { PickledObject, unpickle, type PickleGlobal } from './pickle.ts';
import { storageDtype } from './safetensors-dtypes.ts';
import { openZip, type ZipDirectory } from './zip-directory.ts';

/** A tensor of the file, in a format that may or may not serve as a weight; see {@link TorchTensor.entry}. */
export class TorchTensor {
  readonly shape: readonly number[];
  /** The element type by safetensors' names, such as F32. */
  readonly dtype: string;
  readonly #open: (name: string) => TensorEntry;

  constructor(shape: readonly number[], dtype: string, open: (name: string) => TensorEntry) {
    this.shape = shape;
    this.dtype = dtype;
    this.#open = open;
  }

  /**
   * Where its numbers lie, under a name for messages.
   *
   * @throws EngineError `unsupported` when its elements are no weights (integers, doubles) or do not lie in order.
   */
  entry(name: string): TensorEntry {
    return this.#open(name);
  }
}

/** Most bytes of the pickle: it holds names and shapes, no numbers. */
const MAX_PICKLE_BYTES = 64 * 2 ** 20;

/** Storage classes of torch: safetensors' name of their elements, and bytes of one. */
const STORAGES: Readonly<Record<string, readonly [string, number]>> = {
  FloatStorage: ['F32', 4],
  HalfStorage: ['F16', 2],
  BFloat16Storage: ['BF16', 2],
  DoubleStorage: ['F64', 8],
  LongStorage: ['I64', 8],
  IntStorage: ['I32', 4],
  ShortStorage: ['I16', 2],
  CharStorage: ['I8', 1],
  ByteStorage: ['U8', 1],
  BoolStorage: ['BOOL', 1],
};

class StorageType implements PickleGlobal {
  readonly call = undefined;
  readonly dtype: string;
  readonly bytes: number;

  constructor([dtype, bytes]: readonly [string, number]) {
    this.dtype = dtype;
    this.bytes = bytes;
  }
}

/** The bytes that tensors share. */
type Storage = { readonly type: StorageType; readonly source: ByteSource };

/** Whether a file begins as `torch.save` writes them: as a zip archive or, before PyTorch 1.6, with a pickled number. */
export async function torchFileKind(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<'zip' | 'old' | undefined> {
  const head = await source.read(0, Math.min(source.size, 4), signal);
  if (head.join() === '80,75,3,4') return 'zip';
  return head.join() === '128,2,138,10' ? 'old' : undefined;
}

/**
 * The object that was saved: see {@link unpickle}, with {@link TorchTensor} for tensors (and parameters) and
 * {@link PickledObject} for ParameterDict.
 *
 * @throws EngineError `model-malformed` when the file is truncated or damaged, `unsupported` when it names anything that is not
 *   on the list, was written by a PyTorch before 1.6 or on a big-endian machine.
 */
export async function readTorchFile(source: ByteSource, signal?: AbortSignal): Promise<unknown> {
  if ((await torchFileKind(source, signal)) === 'old') {
    const message = `${source.name} was saved by a PyTorch before 1.6; load it there and save it again, or convert it to safetensors`;
    throw new EngineError('unsupported', message, { detail: { name: source.name } });
  }
  const zip = await openZip(source, signal);
  const pickles = zip.names.filter((name) => name.endsWith('/data.pkl'));
  const [path] = pickles;
  if (path === undefined || pickles.length > 1) {
    throw malformed(source, `it holds ${pickles.length} files data.pkl; torch.save writes one`);
  }
  const folder = path.slice(0, -'data.pkl'.length);
  const order = await readText(zip, `${folder}byteorder`, signal);
  if (order !== undefined && order !== 'little') {
    throw new EngineError(
      'unsupported',
      `${source.name} was saved in the byte order ${order.slice(0, 20)}`,
    );
  }
  const file = await zip.open(path, signal);
  if (file === undefined || file.size > MAX_PICKLE_BYTES) {
    throw malformed(source, `its data.pkl would have ${file?.size ?? 0} bytes`);
  }
  const bytes = await file.read(0, file.size, signal);
  // Storages are opened before the pickle is read, since it names them as it goes and reading is no place to wait.
  const storages = await openStorages(zip, folder, signal);
  return unpickle(bytes, {
    name: source.name,
    globals: allowed(source),
    persistent: (id) => storageOf(source, storages, id),
  });
}

function malformed(source: ByteSource, reason: string): EngineError {
  return new EngineError(
    'model-malformed',
    `${source.name} is not a usable PyTorch file: ${reason}`,
    {
      detail: { name: source.name },
    },
  );
}

async function readText(
  zip: ZipDirectory,
  name: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const file = await zip.open(name, signal);
  return file && new TextDecoder().decode(await file.read(0, Math.min(file.size, 64), signal));
}

async function openStorages(
  zip: ZipDirectory,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, ByteSource>> {
  const prefix = `${folder}data/`;
  const storages = new Map<string, ByteSource>();
  for (const name of zip.names.filter((each) => each.startsWith(prefix))) {
    const file = await zip.open(name, signal);
    if (file !== undefined) storages.set(name.slice(prefix.length), file);
  }
  return storages;
}

/** Everything that a pickle may name. */
function allowed(source: ByteSource): ReadonlyMap<string, PickleGlobal> {
  const first: PickleGlobal = { call: ([value]) => value };
  const object: PickleGlobal = { call: (args) => new PickledObject(args) };
  const set: PickleGlobal = { call: ([items = []]) => items };
  return new Map<string, PickleGlobal>([
    ['collections.OrderedDict', { call: (args) => orderedDict(source, args) }],
    ['builtins.set', set],
    ['__builtin__.set', set],
    ['torch.Size', first],
    ['torch._utils._rebuild_parameter', first],
    ['torch._utils._rebuild_tensor_v2', { call: (args) => tensor(source, args) }],
    ['torch.nn.modules.container.ParameterDict', object],
    ...Object.entries(STORAGES).map(
      ([name, type]) => [`torch.${name}`, new StorageType(type)] as const,
    ),
  ]);
}

function orderedDict(source: ByteSource, [items = []]: readonly unknown[]): Map<unknown, unknown> {
  const isPairs =
    Array.isArray(items) && items.every((item) => Array.isArray(item) && item.length === 2);
  if (!isPairs) throw malformed(source, 'an OrderedDict in it is not made of pairs');
  return new Map(items as [unknown, unknown][]);
}

function storageOf(
  source: ByteSource,
  storages: ReadonlyMap<string, ByteSource>,
  id: unknown,
): Storage {
  const [kind, type, key, , count] = Array.isArray(id) ? (id as unknown[]) : [];
  const bytes = typeof key === 'string' ? storages.get(key) : undefined;
  if (kind !== 'storage' || !(type instanceof StorageType) || bytes === undefined) {
    throw malformed(source, `a tensor's bytes (${String(key).slice(0, 40)}) are not in it`);
  }
  if (!isCount(count) || bytes.size !== count * type.bytes) {
    throw malformed(source, `${String(count)} elements of ${type.dtype} have ${bytes.size} bytes`);
  }
  return { type, source: bytes };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 8 && value.every(isCount);
}

function isStorage(value: unknown): value is Storage {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type instanceof StorageType
  );
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, ...)`. */
function tensor(
  source: ByteSource,
  [storage, offset, shape, strides]: readonly unknown[],
): TorchTensor {
  if (!isStorage(storage) || !isCount(offset) || !isCounts(shape) || !isCounts(strides)) {
    throw malformed(source, 'a tensor in it is not described as torch does');
  }
  const { type, source: bytes } = storage;
  const count = elementCount(shape);
  const inOrder = isInOrder(shape, strides);
  if (inOrder && !(offset + count <= bytes.size / type.bytes)) {
    throw malformed(source, `a tensor of shape [${shape.join(', ')}] reaches beyond its bytes`);
  }
  return new TorchTensor(shape, type.dtype, (name) => {
    const dtype = storageDtype(type.dtype);
    if (dtype === undefined || !inOrder) {
      const reason =
        dtype === undefined ? `its elements are ${type.dtype}` : 'its elements do not lie in order';
      throw new EngineError(
        'unsupported',
        `the tensor ${name} of ${source.name} cannot be used: ${reason}`,
      );
    }
    const byteOffset = offset * type.bytes;
    return { name, dtype, shape, source: bytes, byteOffset, byteLength: count * type.bytes };
  });
}

/** Whether elements lie one behind the other, row by row. */
function isInOrder(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.length !== strides.length) return false;
  if (shape.includes(0)) return true;
  return shape.every((dim, i) => dim <= 1 || strides[i] === elementCount(shape.slice(i + 1)));
}
