/**
 * Where the files of a store lie, and how one becomes whole without ever being half.
 *
 * A whole file lies at its own path, with a record in `.downloads/records`. A part lies in
 * `.downloads/parts` with a journal in `.downloads/journals`. The record is what makes a file whole: it is
 * written once the part is complete and verified, and only then is the part moved to its path. Should the
 * machine go down in between, or the browser be unable to move files, the part is the file.
 */

import type { ByteSource } from '../weights/checkpoint.ts';
import { parseJournal, parseRecord, type FileRecord, type Journal } from './journal.ts';
import type { OpenFile, StoreFolder } from './storage.ts';

const OWN_FOLDER = '.downloads';
const PARTS = `${OWN_FOLDER}/parts`;
const JOURNALS = `${OWN_FOLDER}/journals`;
const RECORDS = `${OWN_FOLDER}/records`;

/** A whole file. */
export type WholeFile = { readonly record: FileRecord; readonly source: ByteSource };

/** See the file's header. Callers hold the lock of a path while they change what belongs to it. */
export class Shelf {
  readonly #folder: StoreFolder;

  constructor(folder: StoreFolder) {
    this.#folder = folder;
  }

  /** Whether `path` is kept for the shelf's own files. */
  static isOwn(path: string): boolean {
    return path === OWN_FOLDER || path.startsWith(`${OWN_FOLDER}/`);
  }

  /** The whole file at `path`, if there is one: its record stands, and its length agrees. */
  async find(path: string): Promise<WholeFile | undefined> {
    const record = await this.record(path);
    if (record === undefined || record.damaged) return undefined;
    for (const place of [path, `${PARTS}/${path}`]) {
      const source = await this.#folder.source(place);
      if (source?.size === record.size) return { record, source: { ...source, name: path } };
    }
    return undefined;
  }

  /** The record of the file at `path`, if one can be read. */
  async record(path: string): Promise<FileRecord | undefined> {
    const text = await this.#text(`${RECORDS}/${path}`);
    return text === undefined ? undefined : parseRecord(text);
  }

  /** The journal of the part of `path`, if one can be read. */
  async journal(path: string): Promise<Journal | undefined> {
    const text = await this.#text(`${JOURNALS}/${path}`);
    return text === undefined ? undefined : parseJournal(text);
  }

  /** Bytes of the part of `path`; 0 where there is none. */
  async partSize(path: string): Promise<number> {
    return (await this.#folder.source(`${PARTS}/${path}`))?.size ?? 0;
  }

  /** Opens the part of `path`, an empty one if there is none, for a file that is not on the shelf yet. */
  async openPart(path: string): Promise<OpenFile> {
    const whole = await this.#folder.source(path);
    // A record without its file speaks of the part, which is about to change.
    if (whole === undefined) await this.#folder.remove(`${RECORDS}/${path}`);
    return this.#folder.open(`${PARTS}/${path}`);
  }

  /** Writes the journal of the part of `path`. */
  async saveJournal(path: string, journal: Journal): Promise<void> {
    await this.#write(`${JOURNALS}/${path}`, journal);
  }

  /** Makes the complete, verified and closed part of `path` the file at `path`, in place of an earlier one. */
  async commit(path: string, record: FileRecord): Promise<void> {
    await this.#folder.remove(`${RECORDS}/${path}`);
    await this.#folder.remove(path);
    await this.#write(`${RECORDS}/${path}`, record);
    await this.#folder.move(`${PARTS}/${path}`, path);
    await this.#folder.remove(`${JOURNALS}/${path}`);
  }

  /** Notes that the content of the file at `path` is not what it was. */
  async markDamaged(path: string, record: FileRecord): Promise<void> {
    await this.#write(`${RECORDS}/${path}`, { ...record, damaged: true });
  }

  /** Removes the part of `path`, unless it stands for the whole file. */
  async discardPart(path: string): Promise<void> {
    await this.#folder.remove(`${JOURNALS}/${path}`);
    await this.#folder.remove(`${PARTS}/${path}`);
  }

  /** Removes everything that belongs to `path`. */
  async remove(path: string): Promise<void> {
    await this.#folder.remove(`${RECORDS}/${path}`);
    await this.#folder.remove(path);
    await this.discardPart(path);
  }

  /** Paths of all files with a record or a journal, in order. */
  async paths(): Promise<string[]> {
    const recorded = await this.#folder.list(RECORDS);
    const begun = await this.#folder.list(JOURNALS);
    return [...new Set([...recorded, ...begun])].sort();
  }

  async #text(path: string): Promise<string | undefined> {
    const source = await this.#folder.source(path);
    if (source === undefined) return undefined;
    return new TextDecoder().decode(await source.read(0, source.size));
  }

  async #write(path: string, value: Journal | FileRecord): Promise<void> {
    const file = await this.#folder.open(path);
    try {
      await file.truncate(0);
      await file.write(new TextEncoder().encode(JSON.stringify(value)), 0);
      await file.flush();
    } finally {
      await file.close();
    }
  }
}
