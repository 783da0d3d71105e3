/**
 * Starts the conformance command: Dawn needs a Vulkan driver in the environment before Node starts, and
 * onnxruntime's WebGPU build starts fifty times faster without V8's optimising wasm compiler.
 */

import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { hasRealVulkan, softwareVulkanEnv } from '../find-software-vulkan.mjs';

const args = process.argv.slice(2);
const isGpu = /(^|,)--backend(=|,)webgpu(,|$)/.test(args.join(','));
const cli = fileURLToPath(new URL('cli.ts', import.meta.url));
const flags = [
  '--import',
  'tsx',
  ...(isGpu ? ['--liftoff-only'] : []),
  '--max-old-space-size=16384',
];
const software = isGpu && !hasRealVulkan() ? softwareVulkanEnv() : {};
const env = { ...process.env, ...software };
const { status } = spawnSync(process.execPath, [...flags, cli, ...args], { stdio: 'inherit', env });
process.exit(status ?? 1);
