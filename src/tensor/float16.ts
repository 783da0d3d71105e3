/**
 * Half precision (IEEE 754 binary16) and bfloat16, to and from single precision, bit for bit.
 *
 * Narrowing rounds to nearest, ties to even, keeps subnormals and signed zeros, and overflows to
 * infinity; a NaN stays a NaN. Widening is a table look-up everywhere; narrowing goes through the
 * platform's own Float16Array where there is one. Measured in Chromium 156, 40M elements: narrowing
 * 65 ms native and 240 ms by table, widening 75 ms native and 40 ms by table, no bit different.
 */

/** The part of the standard's `Float16Array` used here: TypeScript's ES2023 library lacks it. */
type Float16ArrayConstructor = new (
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
) => { set(source: ArrayLike<number>): void };

const nativeFloat16Array = (globalThis as { Float16Array?: Float16ArrayConstructor }).Float16Array;

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** Single-precision bits of every half pattern; made on first use, 256 KiB. */
let wideningTable: Uint32Array | undefined;

function widening(): Uint32Array {
  if (wideningTable) return wideningTable;
  const table = new Uint32Array(65536);
  for (let half = 0; half < 65536; half++) {
    const sign = ((half & 0x8000) << 16) >>> 0;
    const exponent = (half >>> 10) & 31;
    const fraction = half & 0x3ff;
    if (exponent === 31) {
      table[half] = (sign | 0x7f800000 | (fraction << 13)) >>> 0;
    } else if (exponent > 0) {
      table[half] = (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
    } else {
      scratchFloat[0] = fraction * 2 ** -24; // subnormal: normal in single precision
      table[half] = (sign | scratchBits[0]!) >>> 0;
    }
  }
  return (wideningTable = table);
}

/**
 * How to narrow a number with a given sign and exponent (the upper 9 bits of its single-precision
 * form): `base + round((fraction | implicit) >> shift)`. A carry out of the fraction runs into the
 * exponent, which is what rounding up to the next power of two (or to infinity) means.
 */
type NarrowingTables = { base: Uint16Array; implicit: Uint32Array; shift: Uint8Array };

let narrowingTables: NarrowingTables | undefined;

function narrowing(): NarrowingTables {
  if (narrowingTables) return narrowingTables;
  const base = new Uint16Array(512);
  const implicit = new Uint32Array(512);
  const shift = new Uint8Array(512).fill(24); // with no implicit bit, this rounds everything to 0
  for (let index = 0; index < 512; index++) {
    const sign = (index & 256) << 7;
    const exponent = index & 255;
    base[index] = sign;
    if (exponent >= 143) {
      base[index] = sign | 0x7c00; // 2^16 and above, and infinity
    } else if (exponent >= 113) {
      base[index] = sign | ((exponent - 112) << 10);
      shift[index] = 13;
    } else if (exponent >= 102) {
      implicit[index] = 0x800000; // half subnormals: the leading 1 becomes a fraction bit
      shift[index] = 126 - exponent;
    }
  }
  return (narrowingTables = { base, implicit, shift });
}

function narrowBits(bits: number, { base, implicit, shift }: NarrowingTables): number {
  if ((bits & 0x7fffffff) > 0x7f800000) {
    return ((bits >>> 16) & 0x8000) | 0x7e00 | ((bits >>> 13) & 0x3ff);
  }
  const index = bits >>> 23;
  const places = shift[index]!;
  const fraction = (bits & 0x7fffff) | implicit[index]!;
  const roundUp = (1 << (places - 1)) - 1 + ((fraction >>> places) & 1);
  return base[index]! + ((fraction + roundUp) >>> places);
}

function narrowBitsToBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function bitsOf(value: number): number {
  scratchFloat[0] = value;
  return scratchBits[0]!;
}

function floatOf(bits: number): number {
  scratchBits[0] = bits;
  return scratchFloat[0]!;
}

function sameLength(source: ArrayLike<number>, target: ArrayLike<number>): void {
  if (source.length !== target.length) {
    throw new RangeError(`${source.length} numbers do not fit an array of ${target.length}`);
  }
}

/** The number that a half pattern stands for. */
export function float16ToFloat32(half: number): number {
  return floatOf(widening()[half & 0xffff]!);
}

/** The half pattern nearest to `value`, taken as a single-precision number first. */
export function float32ToFloat16(value: number): number {
  return narrowBits(bitsOf(value), narrowing());
}

/** The number that a bfloat16 pattern stands for. */
export function bfloat16ToFloat32(pattern: number): number {
  return floatOf(((pattern & 0xffff) << 16) >>> 0);
}

/** The bfloat16 pattern nearest to `value`, taken as a single-precision number first. */
export function float32ToBfloat16(value: number): number {
  return narrowBitsToBfloat16(bitsOf(value));
}

/** Widens half patterns, into `target` when given (same length; the memory must not overlap). */
export function float16ToFloat32Array(
  source: Uint16Array,
  target: Float32Array<ArrayBuffer> = new Float32Array(source.length),
): Float32Array<ArrayBuffer> {
  sameLength(source, target);
  const table = widening();
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < source.length; i++) bits[i] = table[source[i]!]!;
  return target;
}

/** Narrows to half patterns, into `target` when given (same length; the memory must not overlap). */
export function float32ToFloat16Array(
  source: Float32Array,
  target: Uint16Array<ArrayBuffer> = new Uint16Array(source.length),
): Uint16Array<ArrayBuffer> {
  sameLength(source, target);
  if (nativeFloat16Array) {
    new nativeFloat16Array(target.buffer, target.byteOffset, target.length).set(source);
    return target;
  }
  const tables = narrowing();
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  for (let i = 0; i < bits.length; i++) target[i] = narrowBits(bits[i]!, tables);
  return target;
}

/** Widens bfloat16 patterns, into `target` when given (same length; the memory must not overlap). */
export function bfloat16ToFloat32Array(
  source: Uint16Array,
  target: Float32Array<ArrayBuffer> = new Float32Array(source.length),
): Float32Array<ArrayBuffer> {
  sameLength(source, target);
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16;
  return target;
}

/** Narrows to bfloat16 patterns, into `target` when given (same length; memory must not overlap). */
export function float32ToBfloat16Array(
  source: Float32Array,
  target: Uint16Array<ArrayBuffer> = new Uint16Array(source.length),
): Uint16Array<ArrayBuffer> {
  sameLength(source, target);
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  for (let i = 0; i < bits.length; i++) target[i] = narrowBitsToBfloat16(bits[i]!);
  return target;
}
