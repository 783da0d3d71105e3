/**
 * Writes safetensors headers, and small files whole.
 *
 * Tensors lie in the order given, without gaps; the header is padded with spaces to a multiple of 8
 * bytes, as the format allows, so that 4-byte elements are aligned in the file.
 * Format: https://github.com/huggingface/safetensors#format
 */

import { EngineError } from '../errors.ts';
import { BYTES_PER_ELEMENT, elementCount, type StorageDtype } from '../tensor/dtype.ts';
import { SAFETENSORS_DTYPES } from './safetensors-dtypes.ts';

/** What a header says about one tensor. */
export type TensorDescription = {
  /** Name in the file. */
  readonly name: string;
  readonly dtype: StorageDtype;
  /** Dimensions, outermost first. */
  readonly shape: readonly number[];
};

/** The bytes in front of the data of `tensors`: the length field and the padded JSON header. */
export function safetensorsHeader(
  tensors: Iterable<TensorDescription>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const fields = new Map<string, unknown>();
  if (metadata) fields.set('__metadata__', metadata);
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    if (fields.has(name) || name === '__metadata__') {
      throw new EngineError('invalid-argument', `two tensors of one file are named "${name}"`);
    }
    const end = offset + elementCount(shape) * BYTES_PER_ELEMENT[dtype];
    fields.set(name, { dtype: SAFETENSORS_DTYPES[dtype], shape, data_offsets: [offset, end] });
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)));
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

/** A whole file in memory, for small checkpoints: each tensor's `bytes` must have its exact length. */
export function safetensorsFile(
  tensors: readonly (TensorDescription & { readonly bytes: Uint8Array })[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const header = safetensorsHeader(tensors, metadata);
  const total = tensors.reduce((sum, { bytes }) => sum + bytes.length, header.length);
  const file = new Uint8Array(total);
  file.set(header);
  let offset = header.length;
  for (const { name, dtype, shape, bytes } of tensors) {
    const expected = elementCount(shape) * BYTES_PER_ELEMENT[dtype];
    if (bytes.length !== expected) {
      throw new EngineError(
        'invalid-argument',
        `tensor "${name}" takes ${expected} bytes, but ${bytes.length} were given`,
      );
    }
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}
