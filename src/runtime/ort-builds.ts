/**
 * The builds of onnxruntime-web, loaded by name; the library finds its own WebAssembly beside the file it lies in.
 *
 * In the package `packaged-ort-builds.ts` takes the place of this file.
 */

import type * as OrtModule from 'onnxruntime-web';

/**
 * - `wasm`: CPU only.
 * - `asyncify`: WebGPU in every browser and in Node.
 * - `jspi`: WebGPU where `WebAssembly.Suspending` exists; smaller, starts faster, costs less a run.
 */
export type OrtBuild = 'wasm' | 'asyncify' | 'jspi';

/** Where a build's `.wasm` (and glue `.mjs`) lie: the folder of both, or the file of each. */
export type WasmPaths = string | { readonly wasm?: string; readonly mjs?: string };

/** A build, loaded. */
export type LoadedBuild = {
  readonly module: typeof OrtModule;
  /** Whether it finds the file that its threads start from. */
  readonly canUseThreads: boolean;
};

/** Loads a build, to take its WebAssembly from `wasmPaths` where given; rejects with whatever the import throws. */
export async function importBuild(build: OrtBuild, wasmPaths?: WasmPaths): Promise<LoadedBuild> {
  const loaded = await importByName(build);
  if (wasmPaths !== undefined) loaded.module.env.wasm.wasmPaths = wasmPaths;
  return loaded;
}

async function importByName(build: OrtBuild): Promise<LoadedBuild> {
  switch (build) {
    case 'wasm':
      return {
        module: isNode() ? await importForNode() : await import('onnxruntime-web/wasm'),
        canUseThreads: true,
      };
    case 'asyncify':
      // In Node, only the CPU build's own entry finds the file its threads start from.
      return { module: await import('onnxruntime-web/webgpu'), canUseThreads: !isNode() };
    case 'jspi':
      return { module: await import('onnxruntime-web/jspi'), canUseThreads: !isNode() };
    default:
      return build satisfies never;
  }
}

/** The library's entry for Node, whose threads work there; its name is kept from bundlers for browsers. */
async function importForNode(): Promise<typeof OrtModule> {
  const name: string = 'onnxruntime-web';
  return (await import(/* @vite-ignore */ name)) as typeof OrtModule;
}

function isNode(): boolean {
  return typeof process !== 'undefined' && process.versions?.node !== undefined;
}
