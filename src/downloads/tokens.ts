/**
 * Access tokens of model hubs, by host. They stay on the machine.
 *
 * A token is sent to the host that it was given for and to no other: downloads put it on the request to
 * the address they were given, and when that redirects to another origin, fetch itself drops the header.
 */

import { createStore, del, get, keys, set, type UseStore } from 'idb-keyval';

import { EngineError } from '../errors.ts';

/** Keeps one token per host; hosts are as in `URL.host`, with the port where it is not the usual one. */
export type TokenStore = {
  /** The token of a host, if there is one. */
  get(host: string): Promise<string | undefined>;
  /** Keeps a token in place of an earlier one. Throws EngineError `invalid-argument` unless it fits a header. */
  set(host: string, token: string): Promise<void>;
  /** Forgets a token. */
  delete(host: string): Promise<void>;
  /** The hosts that have a token. */
  hosts(): Promise<string[]>;
};

/** Tokens in the browser's IndexedDB, where pages of other origins cannot read them. */
export function indexedDbTokens(): TokenStore {
  let opened: UseStore | undefined;
  const store = (): UseStore => (opened ??= createStore('local-diffusion-tokens', 'tokens'));
  return {
    get: (host) => get<string>(host, store()),
    set: async (host, token) => set(checkedHost(host), checkedToken(host, token), store()),
    delete: (host) => del(host, store()),
    hosts: () => keys<string>(store()),
  };
}

/** Tokens for as long as the process runs. */
export function memoryTokens(initial: Readonly<Record<string, string>> = {}): TokenStore {
  const tokens = new Map<string, string>();
  for (const [host, token] of Object.entries(initial)) {
    tokens.set(checkedHost(host), checkedToken(host, token));
  }
  return {
    get: async (host) => tokens.get(host),
    set: async (host, token) => {
      tokens.set(checkedHost(host), checkedToken(host, token));
    },
    delete: async (host) => {
      tokens.delete(host);
    },
    hosts: async () => [...tokens.keys()],
  };
}

/**
 * The headers that let a request to `url` in: none where its host has no token. Tokens travel encrypted or
 * not at all, but for a server on this machine.
 */
export async function authorization(
  url: URL,
  tokens: TokenStore,
): Promise<Readonly<Record<string, string>>> {
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !isLocal) return {};
  const token = await tokens.get(url.host);
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function checkedHost(host: string): string {
  if (URL.canParse(`https://${host}/`) && new URL(`https://${host}/`).host === host) return host;
  throw new EngineError(
    'invalid-argument',
    `${JSON.stringify(host)} is not a host; it should look like huggingface.co`,
    { detail: { host } },
  );
}

function checkedToken(host: string, token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new EngineError(
    'invalid-argument',
    `the access token for ${host} must be one word of letters, digits and signs`,
    { detail: { host } },
  );
}
