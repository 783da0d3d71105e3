/**
 * The builds of onnxruntime-web in the package: of each a script and its WebAssembly, compressed, since few servers compress
 * it and it is then a quarter of its size. Takes the place of `ort-builds.ts`.
 */

import { EngineError } from '../errors.ts';
import type { LoadedBuild, OrtBuild, WasmPaths } from './ort-builds.ts';

type Files = { readonly script: URL; readonly wasm: URL };

/** Loads a build, to take its WebAssembly from `wasmPaths` where given; rejects with whatever the import throws. */
export async function importBuild(build: OrtBuild, wasmPaths?: WasmPaths): Promise<LoadedBuild> {
  const { script, wasm } = filesOf(build);
  const [module, wasmBinary] = await Promise.all([
    import(/* @vite-ignore */ script.href) as Promise<LoadedBuild['module']>,
    wasmPaths === undefined ? fetchCompressed(wasm) : undefined,
  ]);
  if (wasmPaths !== undefined) module.env.wasm.wasmPaths = wasmPaths;
  if (wasmBinary !== undefined) module.env.wasm.wasmBinary = wasmBinary;
  // A worker cannot be started from a script of another origin, so neither can a thread.
  return { module, canUseThreads: script.origin === globalThis.location.origin };
}

async function fetchCompressed(url: URL): Promise<ArrayBuffer> {
  const { ok, status, body } = await fetch(url);
  if (!ok || body === null) {
    throw new EngineError('runtime-failed', `${url.href}: the server answered ${status}`);
  }
  return new Response(body.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
}

function filesOf(build: OrtBuild): Files {
  switch (build) {
    case 'wasm':
      return {
        script: new URL(
          '../../node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs',
          import.meta.url,
        ),
        wasm: new URL(
          '../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm',
          import.meta.url,
        ),
      };
    case 'asyncify':
      return {
        script: new URL(
          '../../node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs',
          import.meta.url,
        ),
        wasm: new URL(
          '../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm',
          import.meta.url,
        ),
      };
    case 'jspi':
      return {
        script: new URL(
          '../../node_modules/onnxruntime-web/dist/ort.jspi.bundle.min.mjs',
          import.meta.url,
        ),
        wasm: new URL(
          '../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.jspi.wasm',
          import.meta.url,
        ),
      };
    default:
      return build satisfies never;
  }
}
