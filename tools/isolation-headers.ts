/**
 * The two response headers that make a page cross-origin isolated, which threads in WebAssembly need.
 */

/** Sent with every response of the demo's server and of the browser tests' server. */
export const isolationHeaders: Record<string, string> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
