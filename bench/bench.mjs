/**
 * `npm run bench -- NAME [ARGS]`: starts one of the measurements of this folder with the flags of Node and the
 * environment it needs: Dawn wants a Vulkan driver there before Node starts, and onnxruntime's WebGPU build starts
 * fifty times faster without V8's optimising wasm compiler.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { hasRealVulkan, softwareVulkanEnv } from '../tools/find-software-vulkan.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));
const [name = '', ...args] = process.argv.slice(2);
if (!names.includes(name)) {
  console.error('usage: npm run bench -- NAME [ARGS], where NAME is one of');
  for (const each of names) console.error(`  ${each.padEnd(24)}${purpose(each)}`);
  process.exit(2);
}
const isCpu = args.join(' ').includes('--backend wasm');
const flags = ['--import', 'tsx', '--max-old-space-size=16384', '--expose-gc'];
const software = isCpu || hasRealVulkan() ? {} : softwareVulkanEnv();
const { status } = spawnSync(
  process.execPath,
  [...flags, ...(isCpu ? [] : ['--liftoff-only']), `${folder}${name}.ts`, ...args],
  { stdio: 'inherit', env: { ...process.env, ...software } },
);
process.exit(status ?? 1);

/**
 * The first sentence of a measurement's header.
 *
 * @param {string} script
 */
function purpose(script) {
  const text = readFileSync(`${folder}${script}.ts`, 'utf8');
  const header = /\/\*\*([^]*?)\*\//.exec(text)?.[1] ?? '';
  const prose = header.replaceAll(/\s*\n \*\s*/g, ' ').replace(/^.*?`: /, '');
  return `${prose.split('. ')[0]?.trim() ?? ''}.`;
}
