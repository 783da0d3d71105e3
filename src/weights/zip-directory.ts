/**
 * The directory of a zip archive whose files are stored as they are, such as those PyTorch writes.
 *
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, with its 64-bit extension. Every number is checked
 * before it is used; nothing is read but the directory and, for a file that is opened, its header.
 */

import { EngineError } from '../errors.ts';
import { subSource } from './byte-source.ts';
import type { ByteSource } from './checkpoint.ts';

/** An open archive. */
export type ZipDirectory = {
  /** Names of the files, as stored. */
  readonly names: readonly string[];
  /** A file as a source of its own; undefined when there is none of that name. */
  open(name: string, signal?: AbortSignal): Promise<ByteSource | undefined>;
};

type Entry = {
  readonly method: number;
  readonly flags: number;
  readonly size: number;
  readonly headerOffset: number;
};

const END = { signature: 0x06054b50, bytes: 22, longestComment: 0xffff } as const;
const END64_LOCATOR = { signature: 0x07064b50, bytes: 20 } as const;
const END64 = { signature: 0x06064b50, bytes: 56 } as const;
const ENTRY = { signature: 0x02014b50, bytes: 46 } as const;
const LOCAL = { signature: 0x04034b50, bytes: 30 } as const;
const ZIP64_EXTRA = 0x0001;

/** Most bytes of a directory: a thousand times what a file of tensors has. */
const MAX_DIRECTORY_BYTES = 32 * 2 ** 20;

/**
 * Opens an archive.
 *
 * @throws EngineError `model-malformed` when it is truncated or damaged.
 */
export async function openZip(source: ByteSource, signal?: AbortSignal): Promise<ZipDirectory> {
  const { offset, size } = await findDirectory(source, signal);
  if (size > MAX_DIRECTORY_BYTES) throw damaged(source, `its directory would have ${size} bytes`);
  if (offset + size > source.size) throw damaged(source, 'its directory lies beyond its end');
  const bytes = await source.read(offset, offset + size, signal);
  const entries = parseDirectory(source, bytes);
  return {
    names: [...entries.keys()],
    open: async (name, openSignal) => {
      const entry = entries.get(name);
      return entry && openEntry(source, name, entry, openSignal);
    },
  };
}

function damaged(source: ByteSource, reason: string): EngineError {
  const message = `${source.name} is not a usable zip archive: ${reason}; the download may be incomplete`;
  return new EngineError('model-malformed', message, { detail: { name: source.name } });
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

async function findDirectory(
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<{ offset: number; size: number }> {
  const tailStart = Math.max(0, source.size - END.bytes - END.longestComment);
  const tail = viewOf(await source.read(tailStart, source.size, signal));
  for (let at = tail.byteLength - END.bytes; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END.signature) continue;
    // The comment behind it has to reach to the end; otherwise these are bytes of something else.
    if (at + END.bytes + tail.getUint16(at + 20, true) !== tail.byteLength) continue;
    const locator = tailStart + at - END64_LOCATOR.bytes;
    const long = locator < 0 ? undefined : await findLong(source, locator, signal);
    return long ?? { size: tail.getUint32(at + 12, true), offset: tail.getUint32(at + 16, true) };
  }
  throw damaged(source, 'it has no directory at its end');
}

/** The directory of an archive with 64-bit sizes, if the bytes at `locator` say that it is one. */
async function findLong(
  source: ByteSource,
  locator: number,
  signal: AbortSignal | undefined,
): Promise<{ offset: number; size: number } | undefined> {
  const pointer = viewOf(await source.read(locator, locator + END64_LOCATOR.bytes, signal));
  if (pointer.getUint32(0, true) !== END64_LOCATOR.signature) return undefined;
  const at = longOf(source, pointer, 8);
  if (at + END64.bytes > locator) throw damaged(source, 'the end of its directory is misplaced');
  const end = viewOf(await source.read(at, at + END64.bytes, signal));
  if (end.getUint32(0, true) !== END64.signature) {
    throw damaged(source, 'the end of its directory is misplaced');
  }
  return { size: longOf(source, end, 40), offset: longOf(source, end, 48) };
}

/** A 64-bit number that counts bytes of a file that exists. */
function longOf(source: ByteSource, view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(source.size)) throw damaged(source, `it speaks of byte ${value}`);
  return Number(value);
}

function parseDirectory(source: ByteSource, bytes: Uint8Array): Map<string, Entry> {
  const view = viewOf(bytes);
  const entries = new Map<string, Entry>();
  for (let at = 0; at < bytes.length;) {
    const fits = at + ENTRY.bytes <= bytes.length;
    if (!fits || view.getUint32(at, true) !== ENTRY.signature) {
      throw damaged(source, `its directory is damaged at byte ${at}`);
    }
    const nameEnd = at + ENTRY.bytes + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const end = extraEnd + view.getUint16(at + 32, true);
    if (end > bytes.length) throw damaged(source, 'its directory ends too early');
    const name = new TextDecoder().decode(bytes.subarray(at + ENTRY.bytes, nameEnd));
    if (entries.has(name)) throw damaged(source, `the file ${name} is in it twice`);
    entries.set(name, {
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      ...sizesOf(source, view, at, [nameEnd, extraEnd]),
    });
    at = end;
  }
  return entries;
}

/** Size and position of an entry, from its 64-bit extension where the short fields are full. */
function sizesOf(
  source: ByteSource,
  view: DataView,
  at: number,
  [extraStart, extraEnd]: readonly [number, number],
): Pick<Entry, 'size' | 'headerOffset'> {
  // In the order that the extension has them; the size uncompressed comes first.
  const short = [24, 20, 42].map((field) => view.getUint32(at + field, true));
  const values = [...short];
  for (let extra = extraStart; extra + 4 <= extraEnd;) {
    const dataEnd = extra + 4 + view.getUint16(extra + 2, true);
    if (view.getUint16(extra, true) === ZIP64_EXTRA) {
      let field = extra + 4;
      for (const [i, value] of short.entries()) {
        if (value !== 0xffffffff) continue;
        if (field + 8 > Math.min(dataEnd, extraEnd)) throw damaged(source, 'an entry lacks a size');
        values[i] = longOf(source, view, field);
        field += 8;
      }
    }
    extra = dataEnd;
  }
  const [size = 0, , headerOffset = 0] = values;
  return { size, headerOffset };
}

async function openEntry(
  source: ByteSource,
  name: string,
  { method, flags, size, headerOffset }: Entry,
  signal: AbortSignal | undefined,
): Promise<ByteSource> {
  if (method !== 0 || (flags & 1) !== 0) {
    const how = method === 0 ? 'encrypted' : 'compressed';
    throw new EngineError(
      'unsupported',
      `${name} in ${source.name} is ${how}, which PyTorch never does`,
      {
        detail: { name: source.name, entry: name },
      },
    );
  }
  const start = headerOffset + LOCAL.bytes;
  if (start > source.size) throw damaged(source, `${name} lies beyond its end`);
  const header = viewOf(await source.read(headerOffset, start, signal));
  if (header.getUint32(0, true) !== LOCAL.signature) {
    throw damaged(source, `${name} does not begin where the directory says`);
  }
  const data = start + header.getUint16(26, true) + header.getUint16(28, true);
  if (data + size > source.size) throw damaged(source, `${name} lies beyond its end`);
  return subSource(source, { start: data, end: data + size, name: `${name} in ${source.name}` });
}
