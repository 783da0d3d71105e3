/**
 * One engine for all tabs of an origin: one page owns it and answers for the others, their workers and the service worker.
 *
 * The owner is whoever holds a Web Lock. Every page waits for that lock from its beginning, so that there is an owner as
 * long as there is a page, and when the owner's page goes, the browser gives the lock to the next one. Requests travel over
 * a BroadcastChannel. Whoever waits for a reply sends the request again to a new owner, so none is lost with the old one.
 */

import { refusal, type Answer, type CarriedRequest, type CarriedResponse } from './carried.ts';

const NAME = 'local-diffusion engine';

/** Milliseconds for which an owner remembers what it has answered: requests may arrive twice, but not much later. */
const MEMORY = 60_000;

/** Milliseconds that a page takes to load again, as a rule: for so long nobody need own the engine. */
const RELOADING = 2000;

const NOBODY =
  'No page of this site that could draw is open: open one that has install.js, and send the request again.';

type Message =
  | { readonly kind: 'ask'; readonly id: string; readonly request: CarriedRequest }
  | { readonly kind: 'reply'; readonly id: string; readonly reply: CarriedResponse }
  | { readonly kind: 'owner' };

type Asked = {
  readonly request: CarriedRequest;
  readonly resolve: (reply: CarriedResponse) => void;
};

/** See the file's header. */
export class SharedEngine {
  readonly #answer: Answer | undefined;
  readonly #locks: LockManager | undefined;
  readonly #channel: BroadcastChannel | undefined;
  readonly #asked = new Map<string, Asked>();
  readonly #seen = new Set<string>();
  #isOwner = false;

  /** @param answer What the owner answers with; absent: this side cannot own an engine, as service workers cannot. */
  constructor(answer?: Answer) {
    this.#answer = answer;
    // Both are missing in pages without TLS; there, each page is on its own.
    this.#locks = (navigator as Partial<Navigator>).locks;
    if (this.#locks === undefined) {
      this.#isOwner = answer !== undefined;
      return;
    }
    this.#channel = new BroadcastChannel(NAME);
    this.#channel.addEventListener('message', ({ data }: MessageEvent<Message>) =>
      this.#take(data),
    );
    if (answer !== undefined) {
      const held = this.#locks.request(NAME, () => {
        this.#own();
        return new Promise<never>(() => undefined);
      });
      // Pages of a sandbox may not have locks.
      held.catch(() => this.#own());
    }
  }

  /** The owner's reply. Never rejects: where nobody owns an engine, the reply says so. */
  async ask(request: CarriedRequest): Promise<CarriedResponse> {
    if (this.#isOwner && this.#answer !== undefined) return this.#answer(request);
    if (this.#locks === undefined) return refusal(NOBODY);
    const id = crypto.randomUUID();
    const given = new AbortController();
    try {
      return await new Promise<CarriedResponse>((resolve) => {
        this.#asked.set(id, { request, resolve });
        this.#tell({ kind: 'ask', id, request });
        // A page that can own the engine never finds that nobody does.
        if (this.#answer !== undefined) return;
        const nobody = (): void => resolve(refusal(NOBODY));
        // It also rejects where there are no locks, as in a sandbox.
        this.#untilNobodyOwns(given.signal).then(nobody, nobody);
      });
    } finally {
      this.#asked.delete(id);
      given.abort();
    }
  }

  #take(message: Message): void {
    switch (message.kind) {
      case 'ask':
        if (this.#isOwner) void this.#reply(message.id, message.request);
        break;
      case 'reply':
        this.#asked.get(message.id)?.resolve(message.reply);
        break;
      case 'owner':
        for (const [id, { request }] of this.#asked) this.#tell({ kind: 'ask', id, request });
        break;
      default:
        message satisfies never;
    }
  }

  #own(): void {
    this.#isOwner = true;
    this.#tell({ kind: 'owner' });
    for (const { request, resolve } of this.#asked.values())
      void this.#answer?.(request).then(resolve);
  }

  async #reply(id: string, request: CarriedRequest): Promise<void> {
    if (this.#seen.has(id) || this.#answer === undefined) return;
    this.#seen.add(id);
    this.#tell({ kind: 'reply', id, reply: await this.#answer(request) });
    setTimeout(() => this.#seen.delete(id), MEMORY);
  }

  #tell(message: Message): void {
    this.#channel?.postMessage(message);
  }

  /** A lock that may be shared is given to us only while nobody owns the engine. */
  async #untilNobodyOwns(signal: AbortSignal): Promise<void> {
    const locks = this.#locks;
    if (locks === undefined) return;
    for (;;) {
      await locks.request(NAME, { mode: 'shared', signal }, () => undefined);
      if (await hasOwner(locks)) continue;
      await new Promise((resolve) => setTimeout(resolve, RELOADING));
      if (!(await hasOwner(locks))) return;
    }
  }
}

/** Whether there is an owner, or one waits to be. */
async function hasOwner(locks: LockManager): Promise<boolean> {
  const { held = [], pending = [] } = await locks.query();
  return [...held, ...pending].some(({ name, mode }) => name === NAME && mode === 'exclusive');
}
