/**
 * What becomes of what requests had loaded, for whoever asks after the reply. The latest loads are remembered, as long as the
 * server runs.
 */

/** How a load stands that is not done. */
export type LoadState =
  { readonly status: 'processing' } | { readonly status: 'failed'; readonly message: string };

/** Loads that are remembered. */
const KEPT = 100;

/** See the file's header. */
export class LoadLog {
  /** By id, the oldest first. */
  readonly #loads = new Map<string, LoadState>();

  /** How the load of an id stands; undefined where there was none, or it is done. */
  of(id: string): LoadState | undefined {
    return this.#loads.get(id);
  }

  /** Notes how a load stands now. */
  set(id: string, state: LoadState): void {
    this.#loads.delete(id);
    this.#loads.set(id, state);
    const [oldest] = this.#loads.keys();
    if (this.#loads.size > KEPT && oldest !== undefined) this.#loads.delete(oldest);
  }

  /** Forgets a load: it is done, or what it was for is gone. */
  forget(id: string): void {
    this.#loads.delete(id);
  }
}
