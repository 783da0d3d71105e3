/**
 * Lists the project's own source files for the checks in this folder.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Every script under `folders`, as paths with forward slashes relative to the repository root. */
export function sourceFiles(folders: readonly string[]): string[] {
  return folders.flatMap(scriptsIn).sort();
}

function scriptsIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => /\.(ts|mts|js|mjs)$/.test(name))
    .map((name) => join(folder, name).replaceAll('\\', '/'));
}
