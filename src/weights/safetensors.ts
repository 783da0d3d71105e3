/**
 * Reads the header of safetensors files, and joins files into a {@link Checkpoint}.
 *
 * Format: https://github.com/huggingface/safetensors#format. As the format demands, the tensors must
 * cover the data without overlaps, holes or trailing bytes, and no name may occur twice. Nothing is
 * read but the length field and the header; every number in it is checked before it is used.
 */

import { EngineError } from '../errors.ts';
import { elementCount } from '../tensor/dtype.ts';
import type { ByteSource, Checkpoint, TensorEntry } from './checkpoint.ts';
import { describeFileKind, FILE_KIND_BYTES } from './file-kind.ts';
import { structureFault } from './json-structure.ts';
import { SAFETENSORS_BITS, storageDtype } from './safetensors-dtypes.ts';

/** Longest header in bytes: the reference implementation's limit; real ones have a few megabytes. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Most dimensions of a tensor; networks here need 4. */
const MAX_DIMENSIONS = 8;

/** A tensor whose elements are not floating-point weights (integers, fp8, doubles). */
export type OtherEntry = Omit<TensorEntry, 'dtype'> & {
  /** The format's own name of the element type, such as `I64` or `F8_E4M3`. */
  readonly dtype: string;
};

/** What a safetensors file holds. */
export type SafetensorsContents = {
  readonly tensors: Map<string, TensorEntry>;
  /**
   * Tensors that cannot serve as weights. Ordinary checkpoints have some that nobody needs, such as
   * position ids; a caller who needs one says why not with `whyNotAWeight`.
   */
  readonly others: Map<string, OtherEntry>;
  /** The file's free-form notes. */
  readonly metadata: Record<string, string>;
};

/** A checkpoint made of files, with what else lies in them. */
export type FileCheckpoint = Checkpoint & {
  readonly others: ReadonlyMap<string, OtherEntry>;
  /** The notes of all files; of two with the same name, the later file's. */
  readonly metadata: Readonly<Record<string, string>>;
};

function malformed(source: ByteSource, reason: string, cause?: unknown): EngineError {
  const detail = { name: source.name, size: source.size };
  const message = `${source.name} is not a usable safetensors file: ${reason}`;
  return new EngineError('model-malformed', message, cause ? { detail, cause } : { detail });
}

/** The failure of a file that does not begin like safetensors, in the words of what it is instead. */
async function notSafetensors(
  source: ByteSource,
  otherwise: string,
  signal: AbortSignal | undefined,
): Promise<EngineError> {
  const head = await source.read(0, Math.min(source.size, FILE_KIND_BYTES), signal);
  return malformed(source, describeFileKind(head) ?? otherwise);
}

/** The text of the header, and the position where the data begins. */
async function readHeaderText(
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<{ text: string; dataStart: number }> {
  if (source.size < 8) throw await notSafetensors(source, 'it is too short', signal);
  const field = await source.read(0, 8, signal);
  const length = new DataView(field.buffer, field.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    const reason = `its header would have ${length} bytes, above the limit of ${MAX_HEADER_BYTES}`;
    throw await notSafetensors(source, reason, signal);
  }
  const dataStart = 8 + Number(length);
  if (dataStart > source.size) {
    const reason =
      `its header would end at byte ${dataStart}, but the file has only ${source.size}; ` +
      'the download may be incomplete';
    throw await notSafetensors(source, reason, signal);
  }
  const bytes = await source.read(8, dataStart, signal);
  if (bytes[0] !== 0x7b) throw await notSafetensors(source, 'its header is not JSON', signal);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, dataStart };
  } catch (cause) {
    throw malformed(source, 'its header is not UTF-8 text', cause);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseHeader(source: ByteSource, text: string): Record<string, unknown> {
  // Outermost object, a tensor, its shape: 3 levels. Longer lists are named when a shape is checked.
  const fault = structureFault(text, { depth: 3, listLength: 64 });
  if (fault) throw malformed(source, `in its header, ${fault}`);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw malformed(source, 'its header is not valid JSON', cause);
  }
  if (!isObject(header)) throw malformed(source, 'its header is not a JSON object');
  return header;
}

function parseMetadata(source: ByteSource, value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw malformed(source, 'its __metadata__ is not an object');
  const wrong = Object.keys(value).find((name) => typeof value[name] !== 'string');
  if (wrong !== undefined) {
    throw malformed(source, `"${wrong}" in its __metadata__ is not a string`);
  }
  return value as Record<string, string>;
}

/** One entry of the header, checked against the file's length. */
function parseEntry(
  source: ByteSource,
  dataStart: number,
  name: string,
  value: unknown,
): OtherEntry {
  const fail = (reason: string) => malformed(source, `tensor "${name}" ${reason}`);
  if (!isObject(value)) throw fail('is not described by an object');
  const { dtype, shape, data_offsets: offsets } = value;
  const bits = typeof dtype === 'string' ? SAFETENSORS_BITS.get(dtype) : undefined;
  if (typeof dtype !== 'string' || bits === undefined) {
    throw fail(`has the element type ${JSON.stringify(dtype)}, which the format does not know`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw fail(`has the shape ${JSON.stringify(shape)}, which is not a list of dimensions`);
  }
  if (shape.length > MAX_DIMENSIONS) {
    throw fail(`has ${shape.length} dimensions; at most ${MAX_DIMENSIONS} are possible`);
  }
  // Without its zeros, so that what code computes from some of the dimensions cannot overflow either.
  const bound = shape.reduce((product, dim) => product * Math.max(1, dim), bits);
  const byteLength = (elementCount(shape) * bits) / 8;
  if (!isCount(bound) || !isCount(byteLength)) {
    throw fail(`has the impossible shape [${shape.join(', ')}] for ${dtype}`);
  }
  const [begin, end, more]: unknown[] = Array.isArray(offsets) ? offsets : [];
  if (!isCount(begin) || !isCount(end) || more !== undefined || begin > end) {
    throw fail(`has the data offsets ${JSON.stringify(offsets)}, which are not [begin, end]`);
  }
  if (end - begin !== byteLength) {
    const needed = `${dtype} [${shape.join(', ')}] takes ${byteLength} bytes`;
    throw fail(`takes ${end - begin} bytes, but ${needed}`);
  }
  const dataLength = source.size - dataStart;
  if (end > dataLength) {
    throw fail(
      `ends at byte ${end} of the data, but the file has only ${dataLength}; ` +
        'the download may be incomplete',
    );
  }
  return { name, dtype, shape, source, byteOffset: dataStart + begin, byteLength };
}

/** Throws unless the entries cover the data exactly, from its first byte to the file's last. */
function checkCoverage(
  source: ByteSource,
  dataStart: number,
  entries: readonly OtherEntry[],
): void {
  const sorted = entries.toSorted(
    (a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength,
  );
  let position = dataStart;
  let before = 'the header';
  for (const { name, byteOffset, byteLength } of sorted) {
    if (byteOffset < position) {
      throw malformed(source, `tensor "${name}" overlaps ${before}`);
    }
    if (byteOffset > position) {
      const hole = byteOffset - position;
      throw malformed(
        source,
        `${hole} bytes between ${before} and tensor "${name}" belong to nothing`,
      );
    }
    position = byteOffset + byteLength;
    before = `tensor "${name}"`;
  }
  if (position !== source.size) {
    throw malformed(source, `${source.size - position} bytes behind ${before} belong to nothing`);
  }
}

/** Reads what a safetensors file holds; of its data, nothing. */
export async function readSafetensors(
  source: ByteSource,
  options: { signal?: AbortSignal } = {},
): Promise<SafetensorsContents> {
  const { text, dataStart } = await readHeaderText(source, options.signal);
  const { __metadata__: notes, ...described } = parseHeader(source, text);
  const metadata = parseMetadata(source, notes);
  const entries = Object.keys(described).map((name) =>
    parseEntry(source, dataStart, name, described[name]),
  );
  checkCoverage(source, dataStart, entries);
  const tensors = new Map<string, TensorEntry>();
  const others = new Map<string, OtherEntry>();
  for (const entry of entries) {
    const dtype = storageDtype(entry.dtype);
    if (dtype) tensors.set(entry.name, { ...entry, dtype });
    else others.set(entry.name, entry);
  }
  return { tensors, others, metadata };
}

/** Opens one or several files as the checkpoint `id`; no tensor may be in two of them. */
export async function openCheckpoint(
  id: string,
  sources: readonly ByteSource[],
  options: { signal?: AbortSignal } = {},
): Promise<FileCheckpoint> {
  if (sources.length === 0) throw new EngineError('invalid-argument', `${id} has no files`);
  const tensors = new Map<string, TensorEntry>();
  const others = new Map<string, OtherEntry>();
  const metadata: Record<string, string> = {};
  for (const source of sources) {
    const contents = await readSafetensors(source, options);
    for (const entry of [...contents.tensors.values(), ...contents.others.values()]) {
      const earlier = tensors.get(entry.name) ?? others.get(entry.name);
      if (!earlier) continue;
      const reason = `tensor "${entry.name}" is also in ${earlier.source.name}`;
      throw malformed(source, reason);
    }
    for (const [name, entry] of contents.tensors) tensors.set(name, entry);
    for (const [name, entry] of contents.others) others.set(name, entry);
    Object.assign(metadata, contents.metadata);
  }
  return { id, tensors, others, metadata };
}
