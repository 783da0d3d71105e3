/**
 * A tensor stored in an ONNX file or beside it: where its numbers lie.
 */

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import { EngineError } from '../../errors.ts';
import { BYTES_PER_ELEMENT, elementCount, type StorageDtype } from '../../tensor/dtype.ts';
import type { ByteSource, TensorEntry } from '../checkpoint.ts';
import type { ProtoField, ProtoFields } from './proto-fields.ts';

/** A `TensorProto` without its numbers. */
export type OnnxTensor = {
  readonly name: string;
  /** `TensorProto.DataType`. */
  readonly type: number;
  readonly dims: readonly number[];
  /** The whole message in the file. */
  readonly message: ProtoField;
  /** Numbers as little-endian bytes in the file; undefined where they are elsewhere, or written one by one. */
  readonly inside: { readonly start: number; readonly end: number } | undefined;
  /** Numbers in a file beside it. */
  readonly outside: ExternalData | undefined;
};

/** Where a tensor's numbers lie in another file; `location` is relative to the ONNX file. */
type ExternalData = {
  readonly location: string;
  readonly offset: number;
  readonly length: number | undefined;
};

/** Opens a file that lies beside an ONNX file. */
export type OpenBeside = (location: string) => Promise<ByteSource>;

const DTYPES: Readonly<Record<number, StorageDtype>> = {
  1: 'float32',
  10: 'float16',
  16: 'bfloat16',
};

/** Fields of `TensorProto`. */
const FIELD = {
  dims: 1,
  type: 2,
  floats: 4,
  name: 8,
  raw: 9,
  external: 13,
  location: 14,
} as const;

/** Reads the header of the tensor whose message is `message`. */
export async function readOnnxTensor(
  fields: ProtoFields,
  message: ProtoField,
): Promise<OnnxTensor> {
  let name = '';
  let type = 0;
  let isOutside = false;
  let inside: OnnxTensor['inside'];
  const dims: number[] = [];
  const external = new Map<string, string>();
  for await (const field of fields.of(message.start, message.end)) {
    const { number, wire, start, end, value } = field;
    if (number === FIELD.dims && wire === 0) dims.push(value);
    else if (number === FIELD.dims) dims.push(...packed(await fields.bytes(start, end)));
    else if (number === FIELD.type) type = value;
    else if (number === FIELD.name) name = await fields.text(field);
    // A packed list of floats is the same bytes as raw data.
    else if (number === FIELD.raw || (number === FIELD.floats && wire === 2)) {
      if (end > start) inside = { start, end };
    } else if (number === FIELD.external) {
      const [key, entry] = pair(await fields.bytes(start, end));
      external.set(key, entry);
    } else if (number === FIELD.location) isOutside = value === 1;
  }
  const outside = isOutside ? externalData(name, external) : undefined;
  return { name, type, dims, message, inside: isOutside ? undefined : inside, outside };
}

/** The tensor as a checkpoint's; undefined when it is of no float format, or its numbers are written one by one. */
export async function tensorEntry(
  { name, type, dims, inside, outside }: OnnxTensor,
  source: ByteSource,
  beside: OpenBeside,
): Promise<TensorEntry | undefined> {
  const dtype = DTYPES[type];
  if (dtype === undefined || (inside ?? outside) === undefined) return undefined;
  const byteLength = elementCount(dims) * BYTES_PER_ELEMENT[dtype];
  const file = outside === undefined ? source : await beside(outside.location);
  const byteOffset = outside?.offset ?? inside?.start ?? 0;
  const length = outside === undefined ? (inside?.end ?? 0) - byteOffset : outside.length;
  if ((length ?? byteLength) !== byteLength || byteOffset + byteLength > file.size)
    throw cut(name, file, byteOffset, byteLength);
  return { name, dtype, shape: dims, source: file, byteOffset, byteLength };
}

/** The tensor's message with its numbers in it. */
export async function wholeTensor(
  tensor: OnnxTensor,
  fields: ProtoFields,
  beside: OpenBeside,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const { name, type, dims, message, outside } = tensor;
  if (outside === undefined) return fields.bytes(message.start, message.end);
  const file = await beside(outside.location);
  const { offset, length = file.size - offset } = outside;
  if (offset + length > file.size) throw cut(name, file, offset, length);
  const bytes = await file.read(offset, offset + length, signal);
  const writer = new BinaryWriter();
  for (const dim of dims) writer.tag(FIELD.dims, WireType.Varint).int64(dim);
  writer.tag(FIELD.type, WireType.Varint).int64(type);
  writer.tag(FIELD.name, WireType.LengthDelimited).string(name);
  writer.tag(FIELD.raw, WireType.LengthDelimited).bytes(bytes);
  return new Uint8Array(writer.finish());
}

function cut(name: string, file: ByteSource, offset: number, length: number): EngineError {
  return new EngineError(
    'model-malformed',
    `the tensor ${name} should have ${length} bytes from byte ${offset} of ${file.name}, which has ${file.size} bytes`,
    { detail: { tensor: name, name: file.name } },
  );
}

function externalData(name: string, entries: ReadonlyMap<string, string>): ExternalData {
  const location = (entries.get('location') ?? '').replace(/^\.\//, '');
  const isBelow = location !== '' && !/^[/\\]|^\w+:|(^|[/\\])\.\.([/\\]|$)/.test(location);
  if (!isBelow) {
    throw new EngineError(
      'model-malformed',
      `the tensor ${name} should lie in a file beside the ONNX file, not in "${location}"`,
      { detail: { tensor: name, location } },
    );
  }
  const length = entries.get('length');
  return {
    location,
    offset: Number(entries.get('offset') ?? 0),
    length: length === undefined ? undefined : Number(length),
  };
}

/** A `StringStringEntryProto`. */
function pair(bytes: Uint8Array): [string, string] {
  const reader = new BinaryReader(bytes);
  const texts = ['', ''] as [string, string];
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (number === 1 || number === 2) texts[number - 1] = reader.string();
    else reader.skip(wire);
  }
  return texts;
}

function packed(bytes: Uint8Array): number[] {
  const reader = new BinaryReader(bytes);
  const values: number[] = [];
  while (reader.pos < reader.len) values.push(Number(reader.int64()));
  return values;
}
