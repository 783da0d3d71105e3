/**
 * The element types of the safetensors format: which of them are weights here, how wide each is,
 * and what to tell someone whose file has one that cannot be computed with.
 */

import type { StorageDtype } from '../tensor/dtype.ts';

/** The format's name for each {@link StorageDtype}. */
export const SAFETENSORS_DTYPES = {
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
} as const satisfies Record<StorageDtype, string>;

/** The {@link StorageDtype} behind a name of the format; undefined for all others. */
export function storageDtype(name: string): StorageDtype | undefined {
  switch (name) {
    case 'F32':
      return 'float32';
    case 'F16':
      return 'float16';
    case 'BF16':
      return 'bfloat16';
    default:
      return undefined;
  }
}

/** Bits of one element of every type of the format, including those that are no weights here. */
export const SAFETENSORS_BITS: ReadonlyMap<string, number> = new Map([
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
  ['F8_E4M3', 8],
  ['F8_E4M3FNUZ', 8],
  ['F8_E5M2', 8],
  ['F8_E5M2FNUZ', 8],
  ['F8_E8M0', 8],
  ['BOOL', 8],
  ['U8', 8],
  ['I8', 8],
  ['U16', 16],
  ['I16', 16],
  ['F16', 16],
  ['BF16', 16],
  ['U32', 32],
  ['I32', 32],
  ['F32', 32],
  ['U64', 64],
  ['I64', 64],
  ['F64', 64],
  ['C64', 64],
]);

/** Why a tensor of the format's type `name` cannot serve as a weight, and what to use instead. */
export function whyNotAWeight(name: string): string {
  const instead = 'use a float16, bfloat16 or float32 version of this model';
  if (name.startsWith('F8_')) return `fp8 checkpoints are not supported (${name}); ${instead}`;
  if (name.startsWith('F4') || name.startsWith('F6_')) {
    return `checkpoints of 4 and 6 bits are not supported (${name}); ${instead}`;
  }
  if (name === 'F64') return `double precision is not supported (${name}); ${instead}`;
  return `it holds no floating-point weights (${name}), as in a quantised file; ${instead}`;
}
