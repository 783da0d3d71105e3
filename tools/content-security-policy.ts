/**
 * What the built page may do, told to the browser: nothing but run its own files.
 */

const RULES: Readonly<Record<string, string>> = {
  'default-src': "'none'",
  // onnxruntime is WebAssembly; nothing here evaluates text as a script.
  'script-src': "'self' 'wasm-unsafe-eval'",
  'worker-src': "'self' blob:",
  'style-src': "'self'",
  // An image to start from may be given by its address, and data: holds the arrow of a choice.
  'img-src': "'self' blob: data: https: http://localhost:* http://127.0.0.1:*",
  'connect-src': "'self' blob: data: https: http://localhost:* http://127.0.0.1:*",
  'base-uri': "'none'",
  'form-action': "'none'",
};

/** The policy as a page's `meta` element or a header holds it. */
export const contentSecurityPolicy: string = Object.entries(RULES)
  .map(([name, sources]) => `${name} ${sources}`)
  .join('; ');
