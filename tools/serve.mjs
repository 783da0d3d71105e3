/**
 * Starts the serve command. V8's optimising compiler takes most of a minute over onnxruntime's WebGPU build, and wasm's CPU
 * kernels need it: the flag follows the backend, as for `generate`.
 *
 * Needs Node and npm only, hence plain JavaScript whose imports from node_modules come after the installation.
 */

import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { hasRealVulkan, softwareVulkanEnv } from './find-software-vulkan.mjs';
import { installDependencies } from './install-dependencies.mjs';

const args = process.argv.slice(2);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
installDependencies(console.error);
const isBrowser = args.includes('--browser');
const isGpu = args.join(',').includes('webgpu') || hasRealVulkan();
if (isBrowser) {
  console.error('Building what the browser runs.');
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', 'tools/build.ts'], {
    // Standard output is for the address alone.
    stdio: ['ignore', 2, 'inherit'],
  });
  if (status !== 0) process.exit(1);
}
const flags = ['--import', 'tsx', ...(isGpu && !isBrowser ? ['--liftoff-only'] : [])];
const software = args.includes('--allow-software') ? softwareVulkanEnv() : {};
const server = spawn(process.execPath, [...flags, 'tools/serve.ts', ...args], {
  stdio: 'inherit',
  env: { ...process.env, ...software },
});
let isEnding = false;
// Ctrl+C reaches both anyway; a signal to this process alone is passed on.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    isEnding = true;
    server.kill(signal);
  });
}
// One that was told to end may end by the signal itself, without a code.
server.on('exit', (code) => process.exit(code ?? (isEnding ? 0 : 1)));
