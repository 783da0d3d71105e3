/**
 * The part of a file that has come so far: bytes on disk and, always in step with them, their SHA-256.
 *
 * WebCrypto cannot digest a stream, so the digest is hash-wasm's. Its state lives in memory only: after a
 * reload the part is read again from disk, which also means that what is verified is what lies there.
 */

import { createSHA256, type IHasher } from 'hash-wasm';

import type { OpenFile } from './storage.ts';

/** Bytes gathered before they are written: small writes cost a private window of a browser dearly. */
const WRITE_BYTES = 256 * 1024;

/** Bytes of one read when a part is read again. */
const READ_BYTES = 2 ** 20;

/** See the file's header. */
export class PartFile {
  readonly #file: OpenFile;
  readonly #hasher: IHasher;
  readonly #buffer = new Uint8Array(WRITE_BYTES);
  #buffered = 0;
  #written = 0;

  private constructor(file: OpenFile, hasher: IHasher) {
    this.#file = file;
    this.#hasher = hasher;
  }

  /** Takes over an open file, which counts as empty until {@link reread} or {@link restart}. */
  static async over(file: OpenFile): Promise<PartFile> {
    return new PartFile(file, await createSHA256());
  }

  /** Bytes that have come, of which some may not be on disk yet. */
  get length(): number {
    return this.#written + this.#buffered;
  }

  /** Digests what is on disk, so that more can be appended; `onRead` hears how many bytes it has read. */
  async reread(onRead: (done: number, total: number) => void, signal: AbortSignal): Promise<void> {
    const size = await this.#file.size();
    const piece = new Uint8Array(READ_BYTES);
    while (this.#written < size) {
      signal.throwIfAborted();
      const count = await this.#file.read(piece, this.#written);
      if (count === 0) break;
      this.#hasher.update(piece.subarray(0, count));
      this.#written += count;
      onRead(this.#written, size);
    }
  }

  /** Adds bytes at the end. */
  async append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    let taken = 0;
    while (taken < bytes.length) {
      const piece = bytes.subarray(taken, taken + WRITE_BYTES - this.#buffered);
      this.#buffer.set(piece, this.#buffered);
      this.#buffered += piece.length;
      taken += piece.length;
      if (this.#buffered === WRITE_BYTES) await this.writeOut();
    }
  }

  /** Writes what was gathered. */
  async writeOut(): Promise<void> {
    if (this.#buffered === 0) return;
    const bytes = this.#buffer.subarray(0, this.#buffered);
    await this.#file.write(bytes, this.#written);
    this.#hasher.update(bytes);
    this.#written += bytes.length;
    this.#buffered = 0;
  }

  /** Bytes that an empty part could hold, at most `wanted`; see {@link OpenFile.room}. */
  room(wanted: number): Promise<number> {
    return this.#file.room(wanted);
  }

  /** Drops everything and starts with an empty file. */
  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hasher.init();
    this.#written = 0;
    this.#buffered = 0;
  }

  /** Brings everything to the disk and returns the SHA-256 of it, in hexadecimal. The part takes no more bytes. */
  async finish(): Promise<string> {
    await this.writeOut();
    await this.#file.flush();
    return this.#hasher.digest('hex');
  }
}
