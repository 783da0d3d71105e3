/**
 * A `Worker` whose script, where it is a blob, begins with ours.
 *
 * A worker from a file is the service worker's to watch, by that file's address. One from a blob belongs to the page, and to no
 * service worker where the page has none, as after a forced reload.
 */

/** Replaces `Worker`; `script` is the address of `install.js`, `hosts` are the page's further hosts. */
export function patchWorker(script: string, hosts: readonly string[]): void {
  const blobs = rememberedBlobs();
  const first = (isModule: boolean): string => {
    const address = JSON.stringify(script);
    const load = isModule ? `import ${address};` : `importScripts(${address});`;
    return `${load}globalThis.localDiffusionHosts=${JSON.stringify(hosts)};`;
  };
  const wrapped = (address: string, isModule: boolean): string => {
    const blob = blobs.get(address);
    if (blob === undefined) return address;
    // In one script, for the page's policy may forbid a worker to import blobs.
    return URL.createObjectURL(new Blob([first(isModule), blob], { type: 'text/javascript' }));
  };
  globalThis.Worker = class extends Worker {
    constructor(address: string | URL, options?: WorkerOptions) {
      super(wrapped(String(address), options?.type === 'module'), options);
    }
  };
}

/** The blobs that addresses stand for now. */
function rememberedBlobs(): ReadonlyMap<string, Blob> {
  const blobs = new Map<string, Blob>();
  const create = URL.createObjectURL.bind(URL);
  const revoke = URL.revokeObjectURL.bind(URL);
  URL.createObjectURL = (object) => {
    const address = create(object);
    if (object instanceof Blob) blobs.set(address, object);
    return address;
  };
  URL.revokeObjectURL = (address) => {
    blobs.delete(address);
    revoke(address);
  };
  return blobs;
}
