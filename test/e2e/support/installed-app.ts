/**
 * An app in a folder of its own, into which npm has installed the package as it would be published.
 */

import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../../..');
const run = promisify(execFile);

/** See the file's header. */
export type InstalledApp = {
  readonly folder: string;
  /** Runs a command of what is installed there; rejects with what it printed when it fails. */
  readonly run: (command: string, ...args: readonly string[]) => Promise<void>;
  /** Paths of everything installed, from node_modules. */
  readonly installed: readonly string[];
  readonly remove: () => Promise<void>;
};

/** Packs the built package and installs it, with `tools` from the registry, into a copy of `test/e2e/app`. */
export async function installApp(tools: readonly string[]): Promise<InstalledApp> {
  if (!existsSync(join(ROOT, 'dist/browser'))) throw new Error('npm run build comes first');
  const folder = await mkdtemp(join(tmpdir(), 'installed-'));
  await cp(join(ROOT, 'test/e2e/app'), folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund'];
  await run('npm', [...install, `./${filename}`, ...tools], { cwd: folder });
  return {
    folder,
    run: async (command, ...args) => {
      await run(join(folder, 'node_modules/.bin', command), args, { cwd: folder });
    },
    installed: await readdir(join(folder, 'node_modules'), { recursive: true }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
