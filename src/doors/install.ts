/**
 * `install.js`: the first script of a page that calls the API's cloud. From then on these calls are answered here.
 *
 * It works as a page's classic script and, by `importScripts`, in a worker. What the page's script tag says in `data-`
 * attributes, docs/drop-in.md explains.
 */

import { apiAddresses, hostsIn } from './api-address.ts';
import { carriedRequest, responseFrom, type Answer } from './carried.ts';
import { servedByWorker, withWorkingAddresses } from './output-addresses.ts';
import { pageEngine } from './page-engine.ts';
import { patchFetch, type AnswerHere } from './patched-fetch.ts';
import { patchWorker } from './patched-worker.ts';
import { patchXhr } from './patched-xhr.ts';
import { SharedEngine } from './shared-engine.ts';

const INSTALLED = Symbol.for('local-diffusion: installed');

/** The script tag; undefined in workers. */
const tag =
  'document' in globalThis ? (document.currentScript as HTMLScriptElement | null) : undefined;

if (!(INSTALLED in globalThis)) {
  Object.defineProperty(globalThis, INSTALLED, { value: true });
  install(tag?.dataset ?? {});
}

function install({
  hosts = '',
  module,
  anyModel,
  manifest,
  base64,
  serviceWorker,
}: DOMStringMap): void {
  const isOurs = apiAddresses(hostsIn(hosts), location.origin);
  // First of all, so that whatever goes wrong below, nothing is sent.
  const answer: AnswerHere = async (request) => {
    return responseFrom(await ask(await carriedRequest(request)), request.url);
  };
  patchFetch(isOurs, answer);
  patchXhr(isOurs, answer);
  const script = tag?.src ?? '';
  if (script !== '') patchWorker(script, hostsIn(hosts));
  // A worker ends too soon to own an engine.
  const engine = new SharedEngine(tag === undefined ? undefined : ownEngine());
  const ask = withWorkingAddresses((request) => engine.ask(request), servedByWorker());
  if (serviceWorker !== undefined) registerServiceWorker(serviceWorker, hosts);

  function ownEngine(): Answer {
    const beside = new URL('local-diffusion.js', script === '' ? document.baseURI : script);
    const isBase64Inline = base64 === 'inline';
    return pageEngine({ module: module ?? beside.href, anyModel, manifest, isBase64Inline });
  }
}

/** Registers the service worker at `address`, which learns of the hosts by it. */
function registerServiceWorker(address: string, hosts: string): void {
  const url = new URL(address, document.baseURI);
  url.searchParams.set('hosts', hosts);
  const container = (navigator as Partial<Navigator>).serviceWorker;
  container?.register(url).catch(reportError);
}
