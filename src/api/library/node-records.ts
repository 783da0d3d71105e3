/**
 * Added entries in a JSON file, for programs in Node.
 */

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { EngineError } from '../../errors.ts';
import { keyOf, type EntryRecord, type EntryRecords } from './entry-records.ts';

/** Records in the file at `path`, which comes into being with the first one. */
export function nodeRecords(path: string): EntryRecords {
  const read = async (): Promise<EntryRecord[]> => {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '[]';
      throw error;
    });
    try {
      return JSON.parse(text) as EntryRecord[];
    } catch (cause) {
      throw new EngineError('invalid-argument', `${path} is no JSON; repair or delete it`, {
        cause,
      });
    }
  };
  const write = async (records: readonly EntryRecord[]): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    // Moved into place, so that the file is never half.
    await writeFile(`${path}.new`, `${JSON.stringify(records, undefined, 2)}\n`);
    await rename(`${path}.new`, path);
  };
  let last: Promise<void> = Promise.resolve();
  const change = (edit: (records: EntryRecord[]) => EntryRecord[]): Promise<void> => {
    const next = last.then(async () => write(edit(await read())));
    last = next.catch(() => undefined);
    return next;
  };
  const without = (records: EntryRecord[], key: string): EntryRecord[] =>
    records.filter((each) => keyOf(each) !== key);
  return {
    all: read,
    set: (record) => change((records) => [...without(records, keyOf(record)), record]),
    delete: (name) => change((records) => without(records, keyOf(name))),
  };
}
