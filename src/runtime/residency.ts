/**
 * Which checkpoints' weights are in memory, and which leave when room is short.
 *
 * A picture needs one network after the other: text encoder, UNet, autoencoder. Where all of them fit into the budget
 * they stay, so that the next picture loads nothing; where they do not, those that were not used for longest give way
 * before the next one comes in. A checkpoint in use never leaves.
 */

/** See the file's header. */
export class Residency {
  #budgetBytes: number;
  /** Bytes by checkpoint, the least recently used first. */
  readonly #bytes = new Map<string, number>();
  readonly #users = new Map<string, number>();

  /** @param budgetBytes Bytes that all weights together may take; default no bound. */
  constructor(budgetBytes: number = Infinity) {
    this.#budgetBytes = budgetBytes;
  }

  /**
   * Makes room for `bytes` of the checkpoint `id` and runs `task`, during which it stays. A checkpoint that alone exceeds
   * the budget is let in all the same, alone: whether it fits the device is not decided here.
   */
  async use<T>(
    id: string,
    bytes: number,
    release: (id: string) => Promise<void>,
    task: () => Promise<T>,
  ): Promise<T> {
    const own = Math.max(bytes, this.#bytes.get(id) ?? 0);
    this.#bytes.delete(id);
    this.#users.set(id, (this.#users.get(id) ?? 0) + 1);
    try {
      await this.#makeRoom(own, release);
      this.#bytes.set(id, own);
      return await task();
    } finally {
      const users = (this.#users.get(id) ?? 1) - 1;
      if (users === 0) this.#users.delete(id);
      else this.#users.set(id, users);
    }
  }

  /**
   * Learns that what is in memory was too much: from now on the budget is below it. False when that was one checkpoint
   * alone, with which nothing is to be gained.
   */
  tighten(): boolean {
    if (this.#bytes.size < 2) return false;
    this.#budgetBytes = Math.min(this.#budgetBytes, this.#sum() - 1);
    return true;
  }

  /** Releases all checkpoints that are not in use. */
  async releaseIdle(release: (id: string) => Promise<void>): Promise<void> {
    for (const id of this.#bytes.keys()) {
      if (this.#users.has(id)) continue;
      this.#bytes.delete(id);
      await release(id);
    }
  }

  /** Forgets a checkpoint that has left. */
  forget(id: string): void {
    this.#bytes.delete(id);
  }

  /** Forgets all: their memory is gone. */
  clear(): void {
    this.#bytes.clear();
  }

  async #makeRoom(bytes: number, release: (id: string) => Promise<void>): Promise<void> {
    let sum = this.#sum() + bytes;
    for (const [id, each] of this.#bytes) {
      if (sum <= this.#budgetBytes) return;
      if (this.#users.has(id)) continue;
      this.#bytes.delete(id);
      sum -= each;
      await release(id);
    }
  }

  #sum(): number {
    return [...this.#bytes.values()].reduce((total, each) => total + each, 0);
  }
}
