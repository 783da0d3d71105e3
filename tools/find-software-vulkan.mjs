/**
 * Where this machine keeps a software Vulkan driver, for running WebGPU in Node without a GPU.
 *
 * Chromium ships SwiftShader and a Vulkan loader in its own folder. The dynamic linker reads
 * LD_LIBRARY_PATH when a process starts, so these variables belong into the environment of the process
 * that runs the engine, not into its code.
 */

import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';

import { findChromium } from './find-chromium.mjs';

/** Folders that may hold `vk_swiftshader_icd.json` and `libvulkan.so.1`. */
const FOLDERS = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
const MANIFEST = 'vk_swiftshader_icd.json';

/** Manifests of drivers for real GPUs on Linux. */
const REAL_DRIVERS = ['nvidia', 'radeon', 'intel', 'intel_hasvk', 'asahi', 'nouveau'].flatMap(
  (name) =>
    ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d'].flatMap((folder) =>
      ['_icd.json', '_icd.x86_64.json', '_icd.aarch64.json'].map((ending) =>
        join(folder, name + ending),
      ),
    ),
);

/** Whether a driver for a real GPU seems to be installed, or the environment names one. */
export function hasRealVulkan(env = process.env) {
  const named = env['VK_DRIVER_FILES'] ?? env['VK_ICD_FILENAMES'];
  if (named !== undefined) return !named.includes('swiftshader');
  return REAL_DRIVERS.some((path) => existsSync(path)) && existsSync('/dev/dri');
}

/**
 * The environment that makes Dawn find SwiftShader; what the caller's environment says is kept.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Record<string, string>}
 */
export function softwareVulkanEnv(env = process.env) {
  const chromium = findChromium();
  const folders = [
    ...(chromium === undefined ? [] : [dirname(realpathSync(chromium))]),
    ...FOLDERS,
  ];
  const folder = folders.find((path) => existsSync(join(path, MANIFEST)));
  if (folder === undefined) return {};
  /** @type {Record<string, string>} */
  const result = { VK_ICD_FILENAMES: env['VK_ICD_FILENAMES'] ?? join(folder, MANIFEST) };
  if (existsSync(join(folder, 'libvulkan.so.1'))) {
    result['LD_LIBRARY_PATH'] = [env['LD_LIBRARY_PATH'], folder].filter(Boolean).join(':');
  }
  return result;
}
