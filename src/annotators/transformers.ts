/**
 * Transformers.js, loaded when it is first needed: most who draw never need it.
 *
 * In the package `packaged-transformers.ts` takes the place of this file.
 */

/** What is used of the library. */
export type Transformers = {
  readonly env: {
    remoteHost: string;
    remotePathTemplate: string;
    allowLocalModels: boolean;
    useWasmCache: boolean;
  };
  readonly RawImage: new (
    data: Uint8ClampedArray,
    width: number,
    height: number,
    channels: number,
  ) => unknown;
  readonly pipeline: (
    task: string,
    model: string,
    options: Readonly<Record<string, unknown>>,
  ) => Promise<Pipeline>;
};

/** A network with what goes before and after it. */
export type Pipeline = ((image: unknown) => Promise<unknown>) & {
  readonly model: { readonly config: { readonly id2label?: Readonly<Record<string, string>> } };
};

/** Loads the library; rejects with whatever the import throws. */
export async function importTransformers(): Promise<Transformers> {
  return (await import('@xenova/transformers')) as unknown as Transformers;
}
