/**
 * The engine of a page that owns it: the package's module, imported by the first request.
 */

import type { ClientOptions } from '../api/client.ts';
import { carriedResponse, refusal, requestFrom, type Answer } from './carried.ts';

/** The package's module, as far as it is needed. */
type PageModule = Pick<
  typeof import('../index.ts'),
  'createClient' | 'parseManifest' | 'servedLinks' | 'withCors'
>;

/** What a page's script tag may choose. */
export type PageEngineOptions = {
  /** Address of the package's module. */
  readonly module: string;
  /** Id of the model that answers for those that are not here; absent: what the manifest says. */
  readonly anyModel?: string | undefined;
  /** Address of a manifest; absent: the one that ships with the package. */
  readonly manifest?: string | undefined;
  /** Whether replies hold base64 themselves, where it is asked for; default: they hold the address of a file of it. */
  readonly isBase64Inline?: boolean;
};

/**
 * Answers with the engine of this page, whose files have addresses below `/api/outputs/` of its own origin. What goes wrong
 * becomes an error in the API's words.
 */
export function pageEngine({
  module,
  anyModel,
  manifest,
  isBase64Inline = false,
}: PageEngineOptions): Answer {
  let started: Promise<(request: Request) => Promise<Response>> | undefined;
  const start = async (): Promise<(request: Request) => Promise<Response>> => {
    const { createClient, parseManifest, servedLinks, withCors } = (await import(
      module
    )) as PageModule;
    const { origin } = globalThis.location;
    const served = servedLinks();
    // Not that of the request: a picture's address must never lead to the cloud.
    const link = (name: string): string | Promise<string> => served.link(name, origin);
    const options: ClientOptions = {
      settings: { base64Form: isBase64Inline ? 'inline' : 'file' },
      links: { ...served, link, future: (name) => served.future(name, origin) },
      ...(anyModel === undefined ? {} : { anyModel }),
      ...(manifest === undefined ? {} : { manifest: parseManifest(await jsonAt(manifest)) }),
    };
    const client = createClient(options);
    return withCors((request) => client.fetch(request));
  };
  return async (carried) => {
    try {
      started ??= start();
      const handle = await started;
      return await carriedResponse(await handle(requestFrom(carried)));
    } catch (error) {
      started = undefined;
      return refusal(`The engine could not start: ${String(error)}`);
    }
  };
}

async function jsonAt(address: string): Promise<unknown> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} answered with status ${response.status}`);
  return response.json();
}
