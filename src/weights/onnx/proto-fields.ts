/**
 * Walks the fields of a protobuf message that lies in a file: what is large is skipped, not read.
 */

import { EngineError } from '../../errors.ts';
import type { ByteSource } from '../checkpoint.ts';

/** One field of a message; positions are those of the file. */
export type ProtoField = {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes. */
  readonly wire: number;
  /** Where the field's tag begins. */
  readonly from: number;
  /** The content's range; of a varint its own bytes. */
  readonly start: number;
  readonly end: number;
  /** A varint's value, 0 otherwise. Values beyond 2^53 are not exact. */
  readonly value: number;
};

/** Bytes that are read at a time. */
const WINDOW = 2 ** 18;
/** Most bytes of a tag and a length. */
const HEADER = 20;

/** See the file's header. */
export class ProtoFields {
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  #window = new Uint8Array();
  #windowStart = 0;

  constructor(source: ByteSource, signal?: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  /**
   * The fields of the message at `start` to `end`.
   *
   * @throws EngineError `model-malformed` for bytes that are no message.
   */
  async *of(start: number, end: number): AsyncGenerator<ProtoField> {
    let at = start;
    while (at < end) {
      const field = this.#parse(await this.#header(at, end), at);
      if (field.end > end) throw this.#malformed(at);
      yield field;
      at = field.end;
    }
  }

  /** A copy of the bytes at `start` to `end`. */
  async bytes(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    if (end - start > WINDOW) return this.#source.read(start, end, this.#signal);
    await this.#look(start, end);
    return this.#window.slice(start - this.#windowStart, end - this.#windowStart);
  }

  /** The bytes of a text. */
  async text({ start, end }: ProtoField): Promise<string> {
    return new TextDecoder().decode(await this.bytes(start, end));
  }

  async #header(at: number, end: number): Promise<Uint8Array> {
    await this.#look(at, Math.min(at + HEADER, end));
    return this.#window.subarray(at - this.#windowStart);
  }

  /** Brings `start` to `end` into the window. */
  async #look(start: number, end: number): Promise<void> {
    const isSeen = start >= this.#windowStart && end <= this.#windowStart + this.#window.length;
    if (isSeen) return;
    const to = Math.min(this.#source.size, start + WINDOW);
    this.#window = await this.#source.read(start, to, this.#signal);
    this.#windowStart = start;
  }

  #parse(bytes: Uint8Array, from: number): ProtoField {
    let at = 0;
    const varint = (): number => {
      let value = 0;
      for (let shift = 0; shift < 70; shift += 7) {
        const byte = bytes[at++];
        if (byte === undefined) break;
        value += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) return value;
      }
      throw this.#malformed(from);
    };
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    const start = from + at;
    const fixed = (length: number): ProtoField => {
      return { number, wire, from, start, end: start + length, value: 0 };
    };
    if (wire === 1) return fixed(8);
    if (wire === 5) return fixed(4);
    const value = varint();
    if (number > 0 && wire === 0) return { number, wire, from, start, end: from + at, value };
    if (number === 0 || wire !== 2) throw this.#malformed(from);
    return { number, wire, from, start: from + at, end: from + at + value, value: 0 };
  }

  #malformed(at: number): EngineError {
    const { name } = this.#source;
    return new EngineError('model-malformed', `${name} is no ONNX file: no field at byte ${at}`, {
      detail: { name, at },
    });
  }
}
