/**
 * Weights from a formula: a checkpoint of any size that needs no file.
 *
 * Element `i` of tensor `t` of component `c` is `base + odd("<seed>/<c>:<t>", i) * 2^-e`, where `odd`
 * is a hash of the name and the index (MurmurHash3's finaliser over FNV-1a). PyTorch computed the
 * outputs in `test/goldens/fullsize.json` with the same numbers. A hash has 256 outcomes, so each
 * tensor is a table look-up; values are exact in float16, and rounded in bfloat16 where `base` is 1.
 */

import { float32ToBfloat16Array, float32ToFloat16Array } from '../../src/tensor/float16.ts';
import { BYTES_PER_ELEMENT, elementCount, type StorageDtype } from '../../src/tensor/dtype.ts';
import { checkRange } from '../../src/weights/byte-source.ts';
import type { ByteSource, Checkpoint } from '../../src/weights/checkpoint.ts';
import { openCheckpoint } from '../../src/weights/safetensors.ts';
import { safetensorsHeader } from '../../src/weights/safetensors-writer.ts';

/** The tensors of a component as the golden file lists them: name to `[shape, base, e]`. */
export type GeneratedTensors = Readonly<
  Record<string, readonly [shape: readonly number[], base: number, e: number]>
>;

/** Options of a generated checkpoint. */
export type GeneratedOptions = {
  /** Element format of the virtual file; `float16` when not given. */
  dtype?: StorageDtype;
  /**
   * Gives a tensor another name in the file, as other publishers would, without changing its values;
   * names stay as listed when not given.
   */
  rename?: (name: string) => string;
};

/** FNV-1a, 32 bits, of a name's UTF-8 bytes. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The upper 8 bits of the hash of element `index`, which decide its value. */
function outcome(hash: number, index: number): number {
  let x = (Math.imul(index, 0x9e3779b9) + hash) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 24;
}

/** The formula's odd integer, -255 to 255, for element `index` (below 2^32) of the array `name`. */
export function odd(name: string, index: number): number {
  return 2 * outcome(hashName(name), index) - 255;
}

/** All 256 values that elements of a tensor can have, by outcome. */
function valueTable(base: number, e: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, k) => base + (2 * k - 255) * 2 ** -e);
}

/** The array `name` with elements `odd(name, i) * 2^-e`: how golden cases describe their inputs. */
export function generatedArray(name: string, count: number, e: number): Float32Array {
  const hash = hashName(name);
  const table = valueTable(0, e);
  const data = new Float32Array(count);
  for (let i = 0; i < count; i++) data[i] = table[outcome(hash, i)]!;
  return data;
}

/** One tensor of the virtual file, ready to be computed from any element on. */
type GeneratedTensor = {
  readonly hash: number;
  /** The 256 possible elements as bit patterns of the file's format. */
  readonly table: Uint16Array | Uint32Array;
  /** Absolute position in the file. */
  readonly start: number;
  readonly end: number;
};

function patternTable(dtype: StorageDtype, base: number, e: number): Uint16Array | Uint32Array {
  const values = valueTable(base, e);
  if (dtype === 'float16') return float32ToFloat16Array(values);
  if (dtype === 'bfloat16') return float32ToBfloat16Array(values);
  return new Uint32Array(values.buffer);
}

/** Computes elements `first ...` of a tensor into `target`, whose format is the table's. */
function fillElements(
  target: Uint16Array | Uint32Array,
  tensor: GeneratedTensor,
  first: number,
): void {
  const { hash } = tensor;
  // Two copies of one loop: with both array types in one, the engine's code is several times slower.
  if (target instanceof Uint16Array) {
    const table = tensor.table as Uint16Array;
    for (let i = 0; i < target.length; i++) target[i] = table[outcome(hash, first + i)]!;
  } else {
    const table = tensor.table as Uint32Array;
    for (let i = 0; i < target.length; i++) target[i] = table[outcome(hash, first + i)]!;
  }
}

/** Computes bytes `start ... end` of a tensor (positions in the file) into `target`. */
function fillBytes(target: Uint8Array<ArrayBuffer>, tensor: GeneratedTensor, start: number): void {
  const size = tensor.table.BYTES_PER_ELEMENT;
  const from = start - tensor.start;
  const first = Math.floor(from / size);
  const last = Math.ceil((from + target.length) / size);
  const Elements = size === 2 ? Uint16Array : Uint32Array;
  const aligned = from % size === 0 && target.byteOffset % size === 0 && target.length % size === 0;
  if (aligned) {
    fillElements(new Elements(target.buffer, target.byteOffset, last - first), tensor, first);
    return;
  }
  const whole = new Elements(last - first);
  fillElements(whole, tensor, first);
  target.set(new Uint8Array(whole.buffer, from - first * size, target.length));
}

/** Bytes computed between two looks at the signal: a few milliseconds' worth. */
const PIECE_BYTES = 4 * 2 ** 20;

const letOthersRun = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** A virtual safetensors file with the weights of one component, computed as they are read. */
export function generatedSource(
  seed: string,
  component: string,
  options: GeneratedOptions & { tensors: GeneratedTensors },
): ByteSource {
  const { tensors, dtype = 'float16', rename = (name: string) => name } = options;
  const entries = Object.entries(tensors);
  const header = safetensorsHeader(
    entries.map(([name, [shape]]) => ({ name: rename(name), dtype, shape })),
    { format: 'pt', generated: `${seed}/${component}` },
  );
  let position = header.length;
  const parts = entries.map(([name, [shape, base, e]]): GeneratedTensor => {
    const start = position;
    position += elementCount(shape) * BYTES_PER_ELEMENT[dtype];
    const hash = hashName(`${seed}/${component}:${name}`);
    return { hash, table: patternTable(dtype, base, e), start, end: position };
  });
  const source = { name: `${component} (generated, ${dtype})`, size: position };

  const read: ByteSource['read'] = async (start, end, signal) => {
    signal?.throwIfAborted();
    checkRange(source, start, end);
    const bytes = new Uint8Array(end - start);
    if (start < header.length) bytes.set(header.subarray(start, end));
    let sinceBreak = 0;
    for (const part of parts) {
      const stop = Math.min(end, part.end);
      for (let at = Math.max(start, part.start); at < stop; at += PIECE_BYTES) {
        const next = Math.min(stop, at + PIECE_BYTES);
        fillBytes(bytes.subarray(at - start, next - start), part, at);
        sinceBreak += next - at;
        if (sinceBreak < 8 * PIECE_BYTES) continue;
        sinceBreak = 0;
        await letOthersRun();
        signal?.throwIfAborted();
      }
    }
    return bytes;
  };
  return { ...source, read };
}

/** A checkpoint of generated weights that goes through the ordinary reader, without any file. */
export async function generatedCheckpoint(
  seed: string,
  component: string,
  tensors: GeneratedTensors,
  options: GeneratedOptions = {},
): Promise<Checkpoint> {
  const source = generatedSource(seed, component, { ...options, tensors });
  return openCheckpoint(`generated:${seed}/${component}:${options.dtype ?? 'float16'}`, [source]);
}
