/**
 * A 64-bit content hash for cache keys: two FNV-1a lanes with different offsets.
 *
 * It guards against accidents, not against an adversary, and needs no secure context and no await.
 */

const PRIME = 0x01000193;
const OFFSETS = [0x811c9dc5, 0x9e3779b9] as const;

/** Sixteen hexadecimal digits for `bytes` and a text that belongs to their identity. */
export function contentHash(bytes: Uint8Array, identity = ''): string {
  const suffix = new TextEncoder().encode(identity);
  return OFFSETS.map((offset, lane) => {
    let hash: number = offset;
    for (const part of [bytes, suffix]) {
      for (const byte of part) hash = Math.imul(hash ^ (byte + lane), PRIME);
    }
    return (hash >>> 0).toString(16).padStart(8, '0');
  }).join('');
}
