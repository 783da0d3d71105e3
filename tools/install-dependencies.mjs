/**
 * Makes node_modules what the lock file says, where it is missing or stale.
 *
 * Needs Node and npm only, hence plain JavaScript without imports from node_modules.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Installs what is missing in the current folder; does nothing when all is there.
 *
 * @param {(text: string) => void} tell Told before installing, for it takes a while.
 */
export function installDependencies(tell) {
  const staleness = dependencyStaleness();
  if (staleness === undefined) return;
  tell(`Installing dependencies: ${staleness}.`);
  const { status } = spawnSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], {
    // What npm tells is no output of the command that installs.
    stdio: ['inherit', 2, 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error('npm ci failed');
}

/**
 * Whether node_modules differs from the lock file, read from the copy npm keeps of what it installed.
 *
 * @returns {string | undefined} What differs first.
 */
function dependencyStaleness() {
  const installedPath = join('node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return 'node_modules is missing';
  /** @typedef {{ version?: string, link?: boolean, optional?: boolean, devOptional?: boolean }} Entry */
  /** @type {Record<string, Entry>} */
  const wanted = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
  /** @type {Record<string, Entry>} */
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/') || entry.link === true) continue;
    const found = installed[path];
    // Builds for other platforms are in the lock file and rightly not on the disk.
    if (found === undefined && (entry.optional === true || entry.devOptional === true)) continue;
    if (found?.version !== entry.version || !existsSync(path)) {
      return `${path} should be ${entry.version} and is ${found?.version ?? 'missing'}`;
    }
  }
  return undefined;
}
