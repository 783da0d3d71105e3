/**
 * Where this machine keeps a software Vulkan driver, for running WebGPU tests without a GPU.
 *
 * Debian's chromium ships SwiftShader and a Vulkan loader in its own folder. The dynamic linker reads
 * LD_LIBRARY_PATH when a process starts, so these variables belong into the environment of the process
 * that runs the tests (vitest: `env` of the project), not into the test.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Folders that may hold `vk_swiftshader_icd.json` and `libvulkan.so.1`. */
const CHROMIUM_FOLDERS = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];

/** The environment that makes Dawn find SwiftShader; what the caller's environment says is kept. */
export function softwareVulkanEnv(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const folder = CHROMIUM_FOLDERS.find((path) => existsSync(join(path, 'vk_swiftshader_icd.json')));
  if (folder === undefined) return {};
  const result: Record<string, string> = {
    VK_ICD_FILENAMES: env['VK_ICD_FILENAMES'] ?? join(folder, 'vk_swiftshader_icd.json'),
  };
  if (existsSync(join(folder, 'libvulkan.so.1'))) {
    result['LD_LIBRARY_PATH'] = [env['LD_LIBRARY_PATH'], folder].filter((path) => path).join(':');
  }
  return result;
}
