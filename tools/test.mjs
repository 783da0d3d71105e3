/**
 * `npm test`: everything, from a bare clone to a verdict.
 *
 * Installs the dependencies when they are missing or stale, finds or installs a Chromium, runs the
 * gate, and ends with the line `N passed, N failed`. Needs Node and npm only, hence plain
 * JavaScript without imports from node_modules.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findChromium } from './find-chromium.mjs';
import { installDependencies } from './install-dependencies.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const reportPath = join(root, '.cache', 'verify.json');

process.chdir(root);
if (!prepare()) {
  finish(0, 1);
} else {
  rmSync(reportPath, { force: true });
  const status = run('npm', ['run', '--silent', 'verify', '--', ...process.argv.slice(2)]);
  const { passed, failed } = readReport();
  // A gate that ended badly without saying why has failed too.
  finish(passed, failed === 0 && status !== 0 ? 1 : failed);
}

/**
 * Makes the checkout ready for the gate.
 *
 * @returns {boolean} Whether it is; why not has been said then.
 */
function prepare() {
  try {
    installDependencies(console.log);
    let chromium = findChromium();
    if (chromium === undefined) {
      installChromium();
      chromium = findChromium();
    }
    // The gate runs without a browser as well, and then fails in the steps that need one.
    console.log(`Chromium: ${chromium ?? 'none; set CHROMIUM_PATH to run the browser tests'}`);
    return true;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
}

/** Installs a Chromium from the system's packages where that is possible, else Playwright's own. */
function installChromium() {
  console.log('Installing Chromium: none was found.');
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update'], env);
    if (run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], env) === 0) return;
  }
  run('npx', ['playwright', 'install', 'chromium']);
}

/**
 * Runs a command with its output shown and no input.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {number} Its exit status; 1 when it could not be started or was killed.
 */
function run(command, args, env = process.env) {
  const shell = process.platform === 'win32'; // npm and npx are scripts there
  const result = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env, shell });
  if (result.error !== undefined) console.error(`${command}: ${result.error.message}`);
  return result.status ?? 1;
}

/** @returns {{ passed: number, failed: number }} What the gate counted; nothing, when it died early. */
function readReport() {
  if (!existsSync(reportPath)) return { passed: 0, failed: 1 };
  return JSON.parse(readFileSync(reportPath, 'utf8'));
}

/**
 * Prints the verdict and sets the exit status.
 *
 * @param {number} passed
 * @param {number} failed
 */
function finish(passed, failed) {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
