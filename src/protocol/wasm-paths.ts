/**
 * Addresses of WebAssembly as a page gives them, relative to itself, made into addresses that mean the same in a worker.
 */

import type { WasmPaths } from '../runtime/ort-builds.ts';

/** `paths` with absolute URLs; a folder's ends in a slash. */
export function absoluteWasmPaths(paths: WasmPaths, base: string): WasmPaths {
  const absolute = (path: string): string => new URL(path, base).href;
  if (typeof paths === 'string') return absolute(paths.endsWith('/') ? paths : `${paths}/`);
  const { wasm, mjs } = paths;
  return {
    ...(wasm === undefined ? {} : { wasm: absolute(wasm) }),
    ...(mjs === undefined ? {} : { mjs: absolute(mjs) }),
  };
}
