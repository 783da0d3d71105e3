/**
 * The entries that a person added, with their files from disk as far as those can be read now.
 */

import { parseEntry } from '../../models/manifest.ts';
import type { EntryName, KindedEntry } from '../../models/open-entry.ts';
import { permit, reread, type Chosen } from './chosen-files.ts';
import { keyOf, memoryRecords, type EntryRecord, type EntryRecords } from './entry-records.ts';

/** An added entry. */
export type OwnEntry = {
  /** With its files, where they can be read. */
  readonly named: KindedEntry;
  readonly record: EntryRecord;
  /** Whether the person has to allow reading its files again. */
  readonly isLocked: boolean;
};

/** See the file's header. */
export class OwnEntries {
  #records: EntryRecords;
  readonly #entries = new Map<string, OwnEntry>();

  constructor(records: EntryRecords) {
    this.#records = records;
  }

  /** In the order of their adding. */
  get all(): readonly OwnEntry[] {
    return [...this.#entries.values()];
  }

  /** The entry of that name, if it is one of these. */
  get(name: EntryName): OwnEntry | undefined {
    return this.#entries.get(keyOf(name));
  }

  /** Reads what is written down; entries that are here keep their files. What cannot be read is left out. */
  async load(): Promise<void> {
    const records = await this.#records.all().catch(() => {
      // Browsers forbid storing in some windows: entries then last as long as the page.
      this.#records = memoryRecords();
      return [];
    });
    const loaded: [string, OwnEntry][] = [];
    for (const record of records.toSorted((a, b) => a.addedAt - b.addedAt)) {
      const key = keyOf(record);
      const known = this.#entries.get(key);
      const isSame = known !== undefined && known.record.addedAt === record.addedAt;
      const own = isSame && !known.isLocked ? known : await ownOf(record);
      if (own !== undefined) loaded.push([key, own]);
    }
    this.#entries.clear();
    for (const [key, own] of loaded) this.#entries.set(key, own);
  }

  /** Adds an entry, or puts it in place of one of the same name. */
  async put(named: KindedEntry, handle?: FileSystemHandle): Promise<void> {
    const { kind, entry } = named;
    const { id } = entry;
    const addedAt = this.get({ kind, id })?.record.addedAt ?? Date.now();
    const record: EntryRecord = {
      kind,
      id,
      entry: withoutBlobs(named).entry,
      addedAt,
      ...(handle === undefined ? {} : { handle }),
    };
    await this.#records.set(record);
    this.#entries.set(keyOf(record), { named, record, isLocked: false });
  }

  /** Takes an entry off. */
  async delete(name: EntryName): Promise<void> {
    await this.#records.delete(name);
    this.#entries.delete(keyOf(name));
  }

  /** Asks the person to let the page read an entry's files again. */
  async unlock(name: EntryName): Promise<boolean> {
    const own = this.get(name);
    const handle = own?.record.handle;
    if (own === undefined || handle === undefined || !(await permit(handle))) return false;
    const unlocked = await ownOf(own.record);
    if (unlocked === undefined || unlocked.isLocked) return false;
    this.#entries.set(keyOf(name), unlocked);
    return true;
  }

  /** Calls back when another tab has changed the entries. */
  watch(listener: () => void): void {
    this.#records.watch?.(listener);
  }
}

/** The entry with files that were chosen; only entries of the person's own files take them. */
export function withFiles(named: KindedEntry, blobs: Chosen['blobs']): KindedEntry {
  const { source } = named.entry;
  if (source.kind !== 'local') return named;
  return { ...named, entry: { ...named.entry, source: { ...source, blobs } } } as KindedEntry;
}

/** The entry as it can be written down. */
export function withoutBlobs(named: KindedEntry): KindedEntry {
  const { source } = named.entry;
  if (source.kind !== 'local') return named;
  const { blobs: _, ...rest } = source;
  return { ...named, entry: { ...named.entry, source: rest } } as KindedEntry;
}

async function ownOf(record: EntryRecord): Promise<OwnEntry | undefined> {
  let named: KindedEntry;
  try {
    const { kind } = record;
    named = { kind, entry: parseEntry(kind, record.entry) } as KindedEntry;
  } catch {
    // Written by a version that knew other fields.
    return undefined;
  }
  if (record.handle === undefined) return { named, record, isLocked: false };
  const read = await reread(record.handle);
  if (read === 'locked' || read === 'lost') return { named, record, isLocked: read === 'locked' };
  return { named: withFiles(named, read.blobs), record, isLocked: false };
}
