/**
 * Reads Python pickles without running anything that they name.
 *
 * A pickle is a program for a stack machine, and its instructions may import and call any Python function. Here they build
 * lists, dictionaries, numbers and text; the functions they may call are the caller's own, by name, and any other name is
 * an error as soon as it is mentioned. Opcodes: those of protocols 2 to 5 that containers of tensors need
 * (https://github.com/python/cpython/blob/main/Lib/pickletools.py describes them all).
 */

import { EngineError } from '../errors.ts';

/** What stands for a Python function or class: what is done instead of calling it. */
export type PickleGlobal = {
  /** Gets the arguments of a call; undefined for what is mentioned but never called. */
  readonly call: ((args: readonly unknown[]) => unknown) | undefined;
};

/** An object of a class that is only kept: what it was made from and what state it was given. */
export class PickledObject {
  readonly args: readonly unknown[];
  /** What `__setstate__` would have got; undefined when nothing. */
  state: unknown;

  constructor(args: readonly unknown[]) {
    this.args = args;
  }
}

/** Options of {@link unpickle}. */
export type UnpickleOptions = {
  /** The file, for messages. */
  readonly name: string;
  /** What may be named, as `module.name`. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** Gives what a persistent id stands for. */
  readonly persistent: (id: unknown) => unknown;
};

/**
 * What a pickle holds: null, booleans, numbers (bigint beyond 2^53), strings, Uint8Array, arrays (lists, tuples and sets),
 * Map (dictionaries), and what `globals` and `persistent` give.
 *
 * @throws EngineError `model-malformed` when it is damaged, `unsupported` when it names something else or needs an opcode that
 *   no container of tensors needs; the message says which.
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): unknown {
  return new Unpickler(bytes, options).run();
}

/** Longest name of a module or function. */
const MAX_NAME_BYTES = 256;

class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: UnpickleOptions;
  readonly #memo = new Map<number, unknown>();
  readonly #named = new Set<unknown>();
  /** One stack for each open mark, and one below. */
  readonly #stacks: unknown[][] = [[]];
  #at = 0;

  constructor(bytes: Uint8Array, options: UnpickleOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.#uint(1);
      if (opcode === 0x2e) return this.#pop(); // STOP
      if (!this.#container(opcode) && !this.#literal(opcode) && !this.#reference(opcode)) {
        throw this.#fail('unsupported', `it has the pickle opcode 0x${opcode.toString(16)}`);
      }
    }
  }

  /** Numbers, text, and what frames them. */
  #literal(opcode: number): boolean {
    switch (opcode) {
      case 0x80: // PROTO
        this.#uint(1);
        return true;
      case 0x95: // FRAME
        this.#length(8);
        return true;
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(this.#uint(1));
      case 0x4d: // BININT2
        return this.#push(this.#uint(2));
      case 0x4a: // BININT
        return this.#push(this.#uint(4) | 0);
      case 0x8a: // LONG1
        return this.#push(this.#long(this.#uint(1)));
      case 0x47: // BINFLOAT, the one that is big-endian
        return this.#push(this.#view.getFloat64(this.#advance(8)));
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING
        return this.#push(this.#text(1));
      case 0x58: // BINUNICODE
      case 0x54: // BINSTRING
        return this.#push(this.#text(4));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#text(8));
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#take(this.#length(1)));
      case 0x42: // BINBYTES
        return this.#push(this.#take(this.#length(4)));
      default:
        return false;
    }
  }

  /** Lists, tuples, sets, dictionaries. */
  #container(opcode: number): boolean {
    switch (opcode) {
      case 0x28: // MARK
        this.#stacks.push([]);
        return true;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
      case 0x8f: // EMPTY_SET
        return this.#push([]);
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map());
      case 0x74: // TUPLE
      case 0x6c: // LIST
        return this.#push(this.#popMarked());
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#push(this.#popSome(opcode - 0x84));
      case 0x64: // DICT
        return this.#push(this.#setItems(new Map(), this.#popMarked()));
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        return this.#append(this.#popMarked());
      case 0x73: // SETITEM
        this.#setItems(undefined, this.#popSome(2));
        return true;
      case 0x75: // SETITEMS
        this.#setItems(undefined, this.#popMarked());
        return true;
      default:
        return false;
    }
  }

  /** What was there before, and what others give. */
  #reference(opcode: number): boolean {
    switch (opcode) {
      case 0x30: // POP
        this.#pop();
        return true;
      case 0x68: // BINGET
        return this.#push(this.#remembered(this.#uint(1)));
      case 0x6a: // LONG_BINGET
        return this.#push(this.#remembered(this.#uint(4)));
      case 0x71: // BINPUT
        this.#memo.set(this.#uint(1), this.#top());
        return true;
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#uint(4), this.#top());
        return true;
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        return true;
      case 0x63: // GLOBAL
        return this.#push(this.#global(this.#line(), this.#line()));
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popSome(2);
        return this.#push(this.#global(String(module), String(name)));
      }
      case 0x51: // BINPERSID
        return this.#push(this.#options.persistent(this.#pop()));
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        return this.#call();
      case 0x62: // BUILD
        return this.#build();
      default:
        return false;
    }
  }

  #call(): boolean {
    const [callable, args] = this.#popSome(2);
    // Only what a name gave can be called: nothing that a file builds is a function.
    const call = this.#named.has(callable) ? (callable as PickleGlobal).call : undefined;
    if (call === undefined) throw this.#fail('model-malformed', 'it calls what cannot be called');
    if (!Array.isArray(args)) throw this.#fail('model-malformed', 'it calls without arguments');
    return this.#push(call(args));
  }

  #build(): boolean {
    const state = this.#pop();
    const target = this.#top();
    // An OrderedDict may be given an empty state; it has nothing to keep it in.
    if (target instanceof PickledObject) target.state = state;
    else if (!(target instanceof Map)) {
      throw this.#fail('model-malformed', 'it gives a state to what can have none');
    }
    return true;
  }

  #global(module: string, name: string): PickleGlobal {
    const path = `${module}.${name}`;
    const found = this.#options.globals.get(path);
    if (found !== undefined) {
      this.#named.add(found);
      return found;
    }
    const message = `it names the Python object ${path.slice(0, MAX_NAME_BYTES)}, which no weights need; nothing of it was run`;
    throw this.#fail('unsupported', message, { global: path });
  }

  #setItems(
    map: Map<unknown, unknown> | undefined,
    items: readonly unknown[],
  ): Map<unknown, unknown> {
    const target = map ?? this.#top();
    if (!(target instanceof Map) || items.length % 2 !== 0) {
      throw this.#fail('model-malformed', 'it sets items of what is no dictionary');
    }
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
    return target as Map<unknown, unknown>;
  }

  #append(items: readonly unknown[]): boolean {
    const target = this.#top();
    if (!Array.isArray(target))
      throw this.#fail('model-malformed', 'it appends to what is no list');
    for (const item of items) target.push(item);
    return true;
  }

  #remembered(index: number): unknown {
    if (this.#memo.has(index)) return this.#memo.get(index);
    throw this.#fail('model-malformed', `it recalls value ${index}, which it never stored`);
  }

  #push(value: unknown): true {
    this.#stacks.at(-1)?.push(value);
    return true;
  }

  #top(): unknown {
    const stack = this.#stacks.at(-1) ?? [];
    if (stack.length === 0) throw this.#fail('model-malformed', 'it takes from an empty stack');
    return stack.at(-1);
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stacks.at(-1)?.pop();
    return value;
  }

  #popSome(count: number): unknown[] {
    return Array.from({ length: count }, () => this.#pop()).toReversed();
  }

  #popMarked(): unknown[] {
    if (this.#stacks.length < 2)
      throw this.#fail('model-malformed', 'it looks for a mark that is not there');
    return this.#stacks.pop() ?? [];
  }

  /** Position of the next `count` bytes, which are then read. */
  #advance(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length)
      throw this.#fail('model-malformed', 'its pickle ends too early');
    this.#at += count;
    return at;
  }

  #uint(bytes: 1 | 2 | 4): number {
    const at = this.#advance(bytes);
    if (bytes === 1) return this.#view.getUint8(at);
    return bytes === 2 ? this.#view.getUint16(at, true) : this.#view.getUint32(at, true);
  }

  #length(bytes: 1 | 4 | 8): number {
    if (bytes !== 8) return this.#uint(bytes);
    const length = this.#view.getBigUint64(this.#advance(8), true);
    if (length > BigInt(this.#bytes.length))
      throw this.#fail('model-malformed', 'its pickle ends too early');
    return Number(length);
  }

  #take(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  #text(lengthBytes: 1 | 4 | 8): string {
    return new TextDecoder().decode(this.#take(this.#length(lengthBytes)));
  }

  /** A little-endian two's complement number. */
  #long(count: number): number | bigint {
    const bytes = this.#take(count);
    let value = 0n;
    for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
    const signed = BigInt.asIntN(8 * count, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    const isName = end >= 0 && end - this.#at <= MAX_NAME_BYTES;
    if (!isName) throw this.#fail('model-malformed', 'a name in its pickle does not end');
    const text = new TextDecoder().decode(this.#take(end - this.#at));
    this.#advance(1);
    return text;
  }

  #fail(
    code: 'model-malformed' | 'unsupported',
    reason: string,
    detail: Record<string, unknown> = {},
  ): EngineError {
    const { name } = this.#options;
    return new EngineError(code, `${name} cannot be read: ${reason}`, {
      detail: { name, position: this.#at, ...detail },
    });
  }
}
