/**
 * Which addresses are the API's: everything at the cloud's hosts, and at the page's own origin the API's paths alone.
 */

import { routeOf } from '../api/routes.ts';

/** Where the API lives in the cloud. */
const CLOUD_HOSTS: readonly string[] = ['stablediffusionapi.com', 'modelslab.com'];

/** Names before a host that lead to the same API. */
const PREFIX = /^(?:www|api)\./;

const OUTPUTS = /^\/api\/outputs\/([^/]+)$/;

/** Whether an address is answered here and must never be sent. */
export type IsOurs = (url: URL) => boolean;

/**
 * Knows the API's addresses for a page or worker of `origin`. `hosts` are names of further hosts, with a port or without,
 * which means every port. A host stands for itself and for its names with `www.` and `api.` in front.
 */
export function apiAddresses(hosts: readonly string[], origin: string): IsOurs {
  const always = [...CLOUD_HOSTS, ...hosts].map((host) => host.toLowerCase());
  return (url) => {
    if (!/^https?:$/.test(url.protocol)) return false;
    if (isApiPath(url.pathname) && url.origin === origin) return true;
    // A dot at the end of a name changes nothing but its spelling.
    const name = url.hostname.replace(/\.$/, '');
    const names = [name, name.replace(PREFIX, '')];
    const known = new Set([...always, ...hostsOfWorker()]);
    return names.some(
      (each) => known.has(each) || (url.port !== '' && known.has(`${each}:${url.port}`)),
    );
  };
}

/** Names of hosts in a text, between spaces or commas. */
export function hostsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((host) => host !== '');
}

/** The name of the file that a path below `/api/outputs/` means; undefined for other paths. */
export function outputName(pathname: string): string | undefined {
  return OUTPUTS.exec(pathname)?.[1];
}

/** Hosts that a worker's script names in a list `localDiffusionHosts`, before or after it imports one of ours. */
function hostsOfWorker(): readonly string[] {
  const { localDiffusionHosts = [] } = globalThis as { localDiffusionHosts?: readonly string[] };
  return localDiffusionHosts;
}

function isApiPath(pathname: string): boolean {
  return (
    pathname.startsWith('/api/') && (OUTPUTS.test(pathname) || routeOf(pathname) !== undefined)
  );
}
