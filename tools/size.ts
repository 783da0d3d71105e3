/**
 * Fails when what a page downloads from the built package grows over its budget.
 *
 * Scripts are compressed as a server would; other files count as they are, since few servers compress them. The budgets are
 * in `size-budgets.json`; raising one is a decision, to be explained where it is committed.
 */

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { gzipSync } from 'node:zlib';

type Budget = { files: string[]; bytes: number };

const file = new URL('size-budgets.json', import.meta.url);
const budgets = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Budget>;

for (const [name, { files, bytes }] of Object.entries(budgets)) {
  const size = files.reduce((sum, path) => sum + transferred(path), 0);
  const text = `${name}: ${kilobytes(size)} of ${kilobytes(bytes)}`;
  console.log(size > bytes ? `${text}: over its budget` : text);
  if (size > bytes) process.exitCode = 1;
}

function transferred(path: string): number {
  const content = readFileSync(new URL(`../dist/browser/${path}`, import.meta.url));
  return path.endsWith('.js') ? gzipSync(content, { level: 9 }).length : content.length;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`;
}
