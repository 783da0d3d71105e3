/**
 * Starts the generate command. V8's optimising compiler takes most of a minute over onnxruntime's WebGPU build, and
 * wasm's CPU kernels need it: the flag follows the backend.
 */

import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { hasRealVulkan, softwareVulkanEnv } from './find-software-vulkan.mjs';

const args = process.argv.slice(2);
const isGpu = args.join(',').includes('webgpu') || hasRealVulkan();
const script = fileURLToPath(new URL('generate.ts', import.meta.url));
const flags = ['--import', 'tsx', ...(isGpu ? ['--liftoff-only'] : [])];
const software = args.includes('--allow-software') ? softwareVulkanEnv() : {};
const { status } = spawnSync(process.execPath, [...flags, script, ...args], {
  stdio: 'inherit',
  env: { ...process.env, ...software },
});
process.exit(status ?? 1);
