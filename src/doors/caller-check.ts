/**
 * Who may call a server on this machine: programs, and pages of the origins that the user named.
 *
 * Any page on the web can make a browser send requests to 127.0.0.1, and a hostile name can be made to lead there (DNS
 * rebinding). The first is told by the headers Origin and Sec-Fetch-Site, which pages cannot forge; the second by Host.
 */

/** Whom a server answers. */
export type CallerPolicy = {
  /** Names under which it is reached, in lower case and without ports. */
  readonly hosts: ReadonlySet<string>;
  /** Whether it may be reached by any IP address: no name can pretend to be one. */
  readonly allowsAddresses: boolean;
  /** Origins of pages that may call, such as `https://example.com`; `*` stands for all. */
  readonly origins: ReadonlySet<string>;
};

/** What is known of a request before its body is read. */
export type Caller = {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** The header Sec-Fetch-Site. */
  readonly site: string | undefined;
  readonly pathname: string;
};

/** Why a request is refused; undefined: it may go on. */
export function objectionTo(
  { host = '', origin, site, pathname }: Caller,
  { hosts, allowsAddresses, origins }: CallerPolicy,
): string | undefined {
  const name = hostName(host);
  const isAddress = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[\da-f:.]+\])$/.test(name);
  if (!hosts.has(name) && !(isAddress && allowsAddresses)) {
    return `The server is not called ${name || 'nothing'}. Name it with --allow-host to reach it so.`;
  }
  if (origins.has('*')) return undefined;
  if (origin !== undefined) {
    const isOwn = origin === `http://${host.toLowerCase()}`;
    if (isOwn || origins.has(origin)) return undefined;
    return `Pages of ${origin} may not call this server. Allow them with --origin.`;
  }
  // Pictures may be shown anywhere: nobody guesses their names.
  const isForeign = site === 'cross-site' || site === 'same-site';
  if (!isForeign || pathname.startsWith('/api/outputs/')) return undefined;
  return 'Pages of other origins may not call this server. Allow them with --origin.';
}

/** A Host header without its port, in lower case. */
function hostName(host: string): string {
  return /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(host.toLowerCase())?.[1] ?? '';
}
