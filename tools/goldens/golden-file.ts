/**
 * Reads the reference outputs in `test/goldens`: a `.json` that describes arrays, and a `.bin` of the
 * same name that holds them, little-endian. Nothing here knows Node or the browser: the caller says
 * how a file name becomes bytes.
 */

/** How a golden file stores one array. */
export type GoldenArray = {
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly number[];
  /** Position of the first byte in the `.bin`. */
  readonly offset: number;
};

/** Gives the bytes of a file by its name, such as `parts.json`. */
export type ReadGolden = (name: string) => Promise<Uint8Array>;

/** An array of a golden file, in memory of its own. */
export type GoldenTensor<T = Float32Array> = { shape: number[]; data: T };

/** A golden file that is open: its JSON, and its arrays by name. */
export class GoldenFile<Json extends object = Record<string, unknown>> {
  /** Everything the JSON says beside the arrays. */
  readonly json: Json & { arrays: Record<string, GoldenArray> };
  readonly #stem: string;
  readonly #bytes: Uint8Array;

  constructor(
    stem: string,
    json: Json & { arrays: Record<string, GoldenArray> },
    bytes: Uint8Array,
  ) {
    this.json = json;
    this.#stem = stem;
    this.#bytes = bytes;
  }

  /** The names of all arrays, in the order of the file. */
  get names(): string[] {
    return Object.keys(this.json.arrays);
  }

  /** The float32 array called `name`. */
  float32(name: string): GoldenTensor {
    const { shape, buffer } = this.#array(name, 'float32');
    return { shape, data: new Float32Array(buffer) };
  }

  /** The int32 array called `name`. */
  int32(name: string): GoldenTensor<Int32Array> {
    const { shape, buffer } = this.#array(name, 'int32');
    return { shape, data: new Int32Array(buffer) };
  }

  #array(name: string, dtype: GoldenArray['dtype']): { shape: number[]; buffer: ArrayBuffer } {
    const array = this.json.arrays[name];
    if (!array) throw new Error(`${this.#stem}.json has no array "${name}"`);
    if (array.dtype !== dtype) {
      throw new Error(`array "${name}" of ${this.#stem} is ${array.dtype}, not ${dtype}`);
    }
    const byteLength = array.shape.reduce((product, dim) => product * dim, 4);
    if (array.offset + byteLength > this.#bytes.length) {
      throw new Error(`array "${name}" reaches past the end of ${this.#stem}.bin`);
    }
    const copy = new Uint8Array(byteLength);
    copy.set(this.#bytes.subarray(array.offset, array.offset + byteLength));
    return { shape: [...array.shape], buffer: copy.buffer };
  }
}

/** Opens `<stem>.json` and `<stem>.bin`. */
export async function openGolden<Json extends object = Record<string, unknown>>(
  read: ReadGolden,
  stem: string,
): Promise<GoldenFile<Json>> {
  const [json, bytes] = await Promise.all([read(`${stem}.json`), read(`${stem}.bin`)]);
  const parsed: unknown = JSON.parse(new TextDecoder().decode(json));
  return new GoldenFile(stem, parsed as Json & { arrays: Record<string, GoldenArray> }, bytes);
}
