/**
 * What the browser tests share: the GPU, and the files of the repository.
 */

/** The adapter of the test browser; a missing one fails the test, for the gate needs WebGPU. */
export async function requireAdapter(): Promise<GPUAdapter> {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error('this browser offers no WebGPU adapter');
  return adapter;
}

/** The bytes of a file of the repository, by its path from the root, such as `test/goldens/a.bin`. */
export async function fetchFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(`/${path}`);
  // For a path that it does not know, Vite's server answers with the page.
  const isPage = response.headers.get('content-type')?.startsWith('text/html') === true;
  const status = isPage ? 404 : response.status;
  if (!response.ok || isPage) throw new Error(`the test server has no file ${path}: ${status}`);
  return new Uint8Array(await response.arrayBuffer());
}
