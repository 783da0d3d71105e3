/**
 * Transformers.js in the package: a file of its own, which only those fetch who need it. Takes the place of
 * `transformers.ts`.
 */

import type { Transformers } from './transformers.ts';

/** Loads the library; rejects with whatever the import throws. */
export async function importTransformers(): Promise<Transformers> {
  const script = new URL(
    '../../node_modules/@xenova/transformers/dist/transformers.web.js',
    import.meta.url,
  );
  return (await import(/* @vite-ignore */ script.href)) as Transformers;
}
