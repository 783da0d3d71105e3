/**
 * The demo page: `vite` serves it, `vite build` writes it to `dist/demo`.
 *
 * The library itself is not built here; see `tools/build.ts`.
 */

import { defineConfig, type Plugin } from 'vite';
import { contentSecurityPolicy } from './tools/content-security-policy.ts';
import { isolationHeaders } from './tools/isolation-headers.ts';

/** The policy is for what is built: Vite's own scripts in development would not be allowed by it. */
const policy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: contentSecurityPolicy },
      injectTo: 'head-prepend',
    },
  ],
};

/**
 * Workers take their policy from a header alone. Vite's own option leaves the headers out of "304 Not Modified", by which WebKit judges:
 * it refuses to start a worker from a file that it has already.
 */
const previewHeaders: Plugin = {
  name: 'preview-headers',
  configurePreviewServer: ({ middlewares }) => {
    middlewares.use((_, response, next) => {
      const headers = { ...isolationHeaders, 'Content-Security-Policy': contentSecurityPolicy };
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      next();
    });
  },
};

export default defineConfig({
  // Relative addresses: the built page works in any folder of any server.
  base: './',
  plugins: [policy, previewHeaders],
  build: { outDir: 'dist/demo', target: 'es2023' },
  worker: { format: 'es' },
  // Bundling it ahead of time would separate its script from the .wasm file that it looks for
  // beside itself.
  optimizeDeps: { exclude: ['onnxruntime-web', '@xenova/transformers'] },
  server: { headers: isolationHeaders },
});
