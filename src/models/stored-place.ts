/**
 * Where a store keeps the files of an entry.
 */

import { localRoot } from './local-files.ts';
import type { KindedEntry } from './open-entry.ts';
import { fileRoot, hubRoot } from './stored-files.ts';

/** The path of a file or, ending in a slash, of a folder; undefined for what is never kept. */
export function placeOf({ kind, entry }: KindedEntry): string | undefined {
  // Those of annotators are kept by the library that runs them.
  if (kind === 'annotator') return undefined;
  const { source } = entry;
  switch (source.kind) {
    case 'embedded':
    case 'folder':
      return undefined;
    case 'hub':
      return `${hubRoot(source)}/`;
    case 'file':
      return source.url.startsWith('file:') ? undefined : fileRoot(source);
    case 'local':
      return `${localRoot(source)}/`;
    default:
      return source satisfies never;
  }
}

/** Whether the file at a path of the store is one of a place. */
export function isIn(place: string, path: string): boolean {
  return place.endsWith('/') ? path.startsWith(place) : path === place;
}
