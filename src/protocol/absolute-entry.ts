/**
 * Entries as a worker must have them, whose own address is not the page's.
 */

import type { ModelEntry } from '../models/manifest.ts';

/** The entry with an absolute address in place of one that is relative to the page. */
export function absoluteEntry<T extends Pick<ModelEntry, 'source'>>(entry: T): T {
  const { source } = entry;
  if (!('url' in source)) return entry;
  const url = new URL(source.url, globalThis.location?.href).href;
  return { ...entry, source: { ...source, url } };
}
