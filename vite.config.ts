/**
 * The demo page: `vite` serves it, `vite build` writes it to `dist/demo`.
 *
 * The library itself is not built here; see `tools/build.ts`.
 */

import { defineConfig } from 'vite';
import { isolationHeaders } from './tools/isolation-headers.ts';

export default defineConfig({
  build: { outDir: 'dist/demo', target: 'es2023' },
  worker: { format: 'es' },
  // Bundling it ahead of time would separate its script from the .wasm file that it looks for
  // beside itself.
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  server: { headers: isolationHeaders },
  preview: { headers: isolationHeaders },
});
