/**
 * An XMLHttpRequest that keeps the API's addresses on this machine.
 *
 * Only methods and properties of its prototype are replaced, and only for requests that were opened to such an address: events,
 * handlers, `responseType`, `timeout` and `instanceof` stay the browser's own, for libraries build on each of them.
 */

import type { IsOurs } from './api-address.ts';
import { LocalExchange } from './local-exchange.ts';
import { addressOf, type AnswerHere } from './patched-fetch.ts';

const PROPERTIES = [
  'readyState',
  'status',
  'statusText',
  'response',
  'responseText',
  'responseURL',
] as const;

const METHODS = [
  'setRequestHeader',
  'getResponseHeader',
  'getAllResponseHeaders',
  'send',
  'abort',
] as const;

type Method = (this: XMLHttpRequest, ...args: unknown[]) => unknown;

/** Replaces what a request consists of, where there is XMLHttpRequest. */
export function patchXhr(isOurs: IsOurs, answer: AnswerHere): void {
  if (!('XMLHttpRequest' in globalThis)) return;
  const { prototype } = XMLHttpRequest;
  const exchanges = new WeakMap<XMLHttpRequest, LocalExchange>();
  replaceMethod(prototype, 'open', (native) => {
    return function open(this, ...args) {
      const [method, address, isAsync = true] = args;
      exchanges.get(this)?.drop();
      exchanges.delete(this);
      const url = addressOf(address);
      if (url === undefined || !isOurs(url)) return Reflect.apply(native, this, args);
      // No exchange of ours any more: this ends one that was sent.
      this.abort();
      const opened = { method: String(method), url, isAsync: Boolean(isAsync) };
      exchanges.set(this, new LocalExchange(this, opened, answer));
      this.dispatchEvent(new Event('readystatechange'));
      return undefined;
    };
  });
  for (const name of METHODS) {
    replaceMethod(prototype, name, (native) => {
      return function method(this, ...args) {
        const exchange = exchanges.get(this);
        const [own, self] = exchange === undefined ? [native, this] : [exchange[name], exchange];
        return Reflect.apply(own as Method, self, args) as unknown;
      };
    });
  }
  for (const name of PROPERTIES) {
    const native = Object.getOwnPropertyDescriptor(prototype, name);
    Object.defineProperty(prototype, name, {
      ...native,
      get(this: XMLHttpRequest): unknown {
        const exchange = exchanges.get(this);
        return exchange === undefined ? native?.get?.call(this) : exchange[name];
      },
    });
  }
}

function replaceMethod(
  prototype: XMLHttpRequest,
  name: 'open' | (typeof METHODS)[number],
  replacement: (native: Method) => Method,
): void {
  const native = Object.getOwnPropertyDescriptor(prototype, name);
  Object.defineProperty(prototype, name, {
    ...native,
    value: replacement(native?.value as Method),
  });
}
