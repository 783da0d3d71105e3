/**
 * The files of `test/goldens`, for tests that run in Node.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where they lie. */
export const GOLDENS = join(import.meta.dirname, '../goldens');

/** The bytes of a file by its path in the folder. */
export async function readGolden(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(join(GOLDENS, path)));
}

/** The bytes of a file of the embedded model. */
export async function readEmbedded(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(join(GOLDENS, '../../models/emoji-64', path)));
}
