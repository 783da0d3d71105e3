/**
 * Four projects of tests, by what they need:
 *
 * - `node`: pure code, in Node.
 * - `node-webgpu`: the engine in Node, with Dawn's WebGPU on SwiftShader, a CPU renderer.
 * - `browser`: the engine in a headless Chromium, with WebGPU on SwiftShader too.
 * - `e2e`: the built package, in an app that Vite builds, in Chromium.
 *
 * SwiftShader has no `shader-f16` and is slow, hence small models and long timeouts.
 */

import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { CHROMIUM_FLAGS } from './tools/chromium-flags.ts';
import { softwareVulkanEnv } from './tools/find-software-vulkan.mjs';
import { findChromium } from './tools/find-chromium.mjs';
import { isolationHeaders } from './tools/isolation-headers.ts';

const chromium = findChromium();

const minute = 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: minute,
          hookTimeout: minute,
        },
      },
      {
        test: {
          name: 'node-webgpu',
          environment: 'node',
          include: ['test/node-webgpu/**/*.test.ts'],
          pool: 'forks',
          // Optimising onnxruntime's WebAssembly takes V8 most of a minute; its baseline compiler
          // takes a second, and the work is on the GPU anyway.
          execArgv: ['--liftoff-only'],
          // One device at a time: SwiftShader already uses every core.
          fileParallelism: false,
          env: softwareVulkanEnv(),
          testTimeout: 10 * minute,
          hookTimeout: 10 * minute,
        },
      },
      {
        test: {
          name: 'e2e',
          environment: 'node',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 10 * minute,
          hookTimeout: 10 * minute,
        },
      },
      {
        server: { headers: isolationHeaders },
        worker: { format: 'es' },
        optimizeDeps: {
          exclude: ['onnxruntime-web', '@xenova/transformers'],
          // What only the worker imports: found late, it would reload the page amid a test.
          include: [
            '@bufbuild/protobuf/wire',
            '@huggingface/tokenizers',
            'comlink',
            'hash-wasm',
            'idb-keyval',
            'valibot',
          ],
        },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/support/hostile-setup.ts'],
          fileParallelism: false,
          testTimeout: 10 * minute,
          hookTimeout: 10 * minute,
          browser: {
            enabled: true,
            headless: true,
            ui: false,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                args: [...CHROMIUM_FLAGS],
                ...(chromium === undefined ? {} : { executablePath: chromium }),
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
