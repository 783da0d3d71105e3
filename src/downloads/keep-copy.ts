/**
 * Copies a file from elsewhere into a store, by whoever holds the lock of its path.
 */

import type { ByteSource } from '../weights/checkpoint.ts';
import { isDiskFull, shortage, type StoreContext } from './acquire.ts';
import { PartFile } from './part-file.ts';
import type { ProgressReporter } from './progress.ts';

/** Bytes of one read. */
const READ_BYTES = 4 * 2 ** 20;

/** What is copied, and how it is told and stopped. */
export type KeepOptions = {
  readonly source: ByteSource;
  /** Stops; nothing of the copy stays. */
  readonly signal: AbortSignal | undefined;
  readonly reporter: ProgressReporter;
};

/** Copies the source to `path`; a copy that fails leaves nothing, and what lay at the path stays. */
export async function keepCopy(
  context: StoreContext,
  path: string,
  { source, signal, reporter }: KeepOptions,
): Promise<void> {
  const { shelf } = context;
  const { size } = source;
  const { free } = await context.folder.space();
  if (free !== undefined && free < size) throw await shortage(context, path, size, free);
  const file = await shelf.openPart(path);
  let sha256: string;
  try {
    const part = await PartFile.over(file);
    await part.restart();
    for (let start = 0; start < size; start += READ_BYTES) {
      const end = Math.min(start + READ_BYTES, size);
      await part.append(await source.read(start, end, signal));
      reporter.report('downloading', end, size);
    }
    sha256 = await part.finish();
    await file.close();
  } catch (error) {
    await file.close();
    await shelf.discardPart(path);
    throw isDiskFull(error) ? await shortage(context, path, size, 0) : error;
  }
  await shelf.commit(path, {
    version: 1,
    url: '',
    size,
    sha256,
    verified: false,
    finished: new Date().toISOString(),
    damaged: false,
  });
  reporter.report('done', size, size);
}
