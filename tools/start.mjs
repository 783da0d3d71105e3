/**
 * `npm start`: the page, from a bare clone to an address to open.
 *
 * Installs the dependencies when they are missing or stale, builds the page, and serves it on this machine alone; `-- --port
 * N` chooses where. The first line on standard output is the address. Needs Node and npm only, hence plain JavaScript whose
 * imports from node_modules come after the installation.
 */

import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { installDependencies } from './install-dependencies.mjs';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function main() {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '8080' } } });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`--port must be a number from 0 to 65535, got ${values.port}`);
  }
  installDependencies(console.error);
  const { build, preview } = await import('vite');
  console.error('Building the page.');
  await build({ logLevel: 'error' });
  const server = await preview({ logLevel: 'error', preview: { port, host: 'localhost' } });
  console.log(`Open ${server.resolvedUrls?.local[0]}`);
  console.error('Ctrl+C ends it.');
}
