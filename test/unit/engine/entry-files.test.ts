/**
 * What of an entry is here: told from headers that are read once, and again when a file is another.
 */

import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openNodeStore } from '../../../src/downloads/node-file-store.ts';
import { EntryFiles, type StoredState } from '../../../src/engine/entry-files.ts';
import type { KindedEntry } from '../../../src/models/open-entry.ts';
import { ModelServer } from '../../support/model-server.ts';

const FILE = 'lora-a.safetensors';

let server: ModelServer;
let folder: string;
let entry: KindedEntry;

beforeEach(async () => {
  server = await ModelServer.start();
  folder = await mkdtemp(join(tmpdir(), 'local-diffusion-'));
  const source = { kind: 'file', url: `${server.origin}/${FILE}` } as const;
  entry = { kind: 'lora', entry: { id: 'a', kind: 'lora', name: 'a', source, licence: 'none' } };
});

afterEach(async () => {
  server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Files as after another start of the program. */
function started(): EntryFiles {
  const store = openNodeStore(folder);
  return new EntryFiles(async () => store);
}

async function stateOf(files: EntryFiles): Promise<StoredState | undefined> {
  return (await files.stored([entry]))[0]?.state;
}

it('is known without reading headers again, until a file is written', async () => {
  const files = started();
  expect(await stateOf(files)).toBe('absent');
  await files.download(entry);
  const path = join(folder, new URL(server.origin).host.replace(':', '_'), FILE);
  const whole = await readFile(path);
  const written = new Date(1_700_000_000_000);
  await utimes(path, written, written);
  expect(await stateOf(files)).toBe('here');

  // Another header of the same length, behind the disk's back.
  await writeFile(path, new Uint8Array(whole.length));
  await utimes(path, written, written);
  expect(await stateOf(files)).toBe('here');
  expect(await stateOf(started())).toBe('partial');

  // As a program would.
  await utimes(path, written, new Date(1_700_000_005_000));
  expect(await stateOf(files)).toBe('partial');
  await writeFile(path, whole);
  expect(await stateOf(files)).toBe('here');
});

it('is told anew once it was found damaged, deleted, or came again', async () => {
  const files = started();
  await files.download(entry);
  expect(await stateOf(files)).toBe('here');
  const path = join(folder, new URL(server.origin).host.replace(':', '_'), FILE);
  const whole = await readFile(path);
  await writeFile(path, new Uint8Array(whole.length));
  expect(await files.verify(entry)).toBe(false);
  expect(await stateOf(files)).toBe('partial');
  await files.discard(entry, []);
  expect(await stateOf(files)).toBe('absent');
  await files.download(entry);
  expect(await stateOf(files)).toBe('here');
});
