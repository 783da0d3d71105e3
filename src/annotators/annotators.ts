/**
 * Networks that tell what ControlNets are to be shown: depth and classes, by pipelines of Transformers.js.
 *
 * They run on the CPU, in the same onnxruntime-web that the engine uses there. Their files come from the hub that the manifest
 * names, and the library keeps them in the browser's cache. They need a canvas, so a browser.
 */

import { EngineError } from '../errors.ts';
import { depthPlanes, normalPlanes, type Relief } from '../image/hints/relief.ts';
import { segmentPlanes } from '../image/hints/segments.ts';
import type { AdjunctEntry } from '../models/manifest.ts';
import { lendOrt, type OrtOptions } from '../runtime/ort.ts';
import { hostTensor, type HostTensor } from '../tensor/host-tensor.ts';
import { abortable } from '../util/abortable.ts';
import { NETWORK_HINTS, type Told } from './kinds.ts';
import { importTransformers, type Pipeline, type Transformers } from './transformers.ts';

/** A hint to be made; plain data. */
export type Annotation = {
  /** One of {@link NETWORK_HINTS}. */
  readonly kind: string;
  /** The manifest's entry of the kind `annotator`. */
  readonly annotator: AdjunctEntry;
};

/** Transformers.js' names of what is told. */
const TASKS: Readonly<Record<Told, string>> = {
  depth: 'depth-estimation',
  segmentation: 'image-segmentation',
};

/** Under this name Transformers.js takes a runtime that is there already, in place of its own. */
const RUNTIME = Symbol.for('onnxruntime');

/** The hub where the manifest names none. */
const HUB = 'https://huggingface.co';

/** See the file's header. */
export class Annotators {
  readonly #load: () => Promise<Transformers>;
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  #library: Promise<Transformers> | undefined;

  /** @param load Gets the library; default: on the engine's own runtime, with these options. */
  constructor(ort: OrtOptions = {}, load = () => onOwnRuntime(ort)) {
    this.#load = load;
  }

  /**
   * A hint [1, 3, H, W] in [0, 1] of a picture of the same shape and range.
   *
   * @throws EngineError naming the kind, the model and the reason: `download-failed` when the model cannot be had,
   *   `runtime-failed` when it does not run, `unsupported` outside of browsers.
   */
  async annotate(
    { kind, annotator }: Annotation,
    picture: HostTensor,
    signal?: AbortSignal,
  ): Promise<HostTensor> {
    const told = NETWORK_HINTS[kind]?.of;
    const model = nameOf(annotator);
    const failed = (code: EngineError['code'], what: string, cause?: unknown): EngineError => {
      const reason = cause === undefined ? '' : `: ${messageOf(cause)}`;
      return new EngineError(code, `a hint of the kind ${kind} needs ${model}, ${what}${reason}`, {
        detail: { kind, annotator: annotator.id, model },
        cause,
      });
    };
    if (told === undefined) throw failed('invalid-argument', 'which makes none of that kind');
    if (typeof OffscreenCanvas === 'undefined')
      throw failed('unsupported', 'which runs in browsers alone');
    const pipeline = await abortable(this.#pipeline(told, annotator), signal).catch(
      (error: unknown) => {
        signal?.throwIfAborted();
        throw failed('download-failed', 'which could not be loaded', error);
      },
    );
    const { RawImage } = await this.#loaded();
    const [, , height = 1, width = 1] = picture.dims;
    try {
      const image = new RawImage(pixelsOf(picture), width, height, 3);
      const planes = planesOf(kind, await abortable(pipeline(image), signal), pipeline, picture);
      return hostTensor(planes, picture.dims);
    } catch (error) {
      signal?.throwIfAborted();
      throw failed('runtime-failed', 'which failed', error);
    }
  }

  /** Requests to ControlNets with all hints made that are yet to be made of a picture. */
  async hintsOf<T extends { readonly hint: HostTensor; readonly annotation?: Annotation }>(
    requests: readonly T[],
    signal?: AbortSignal,
  ): Promise<T[]> {
    const all: T[] = [];
    for (const each of requests) {
      const { annotation, hint } = each;
      all.push(
        annotation === undefined
          ? each
          : { ...each, hint: await this.annotate(annotation, hint, signal) },
      );
    }
    return all;
  }

  #pipeline(told: Told, annotator: AdjunctEntry): Promise<Pipeline> {
    const known = this.#pipelines.get(annotator.id);
    if (known !== undefined) return known;
    const opened = this.#loaded().then((library) => open(library, told, annotator));
    this.#pipelines.set(annotator.id, opened);
    opened.catch(() => this.#pipelines.delete(annotator.id));
    return opened;
  }

  #loaded(): Promise<Transformers> {
    this.#library ??= this.#load().catch((error: unknown) => {
      this.#library = undefined;
      throw error;
    });
    return this.#library;
  }
}

async function onOwnRuntime(options: OrtOptions): Promise<Transformers> {
  const restore = await lendOrt(RUNTIME, options);
  try {
    const library = await importTransformers();
    library.env.allowLocalModels = false;
    library.env.useWasmCache = false;
    return library;
  } finally {
    restore();
  }
}

function open({ env, pipeline }: Transformers, told: Told, { id, source }: AdjunctEntry) {
  // The runtime is ours and has no list of devices: the provider is named.
  const options = {
    device: 'auto',
    dtype: 'q8',
    session_options: { executionProviders: ['wasm'] },
  };
  switch (source.kind) {
    case 'hub':
      env.remoteHost = `${source.hub ?? HUB}/`;
      env.remotePathTemplate = '{model}/resolve/{revision}/';
      return pipeline(TASKS[told], source.repository, {
        ...options,
        revision: source.revision ?? 'main',
      });
    case 'folder':
      env.remoteHost = source.url;
      env.remotePathTemplate = '/';
      return pipeline(TASKS[told], id, options);
    case 'embedded':
    case 'local':
    case 'file':
      throw new EngineError('invalid-argument', `its source must be a hub or a folder`);
    default:
      return source satisfies never;
  }
}

function nameOf({ id, source }: AdjunctEntry): string {
  const place =
    source.kind === 'hub' ? source.repository : 'url' in source ? source.url : source.kind;
  return `the model ${id} (${place})`;
}

function planesOf(
  kind: string,
  answer: unknown,
  { model }: Pipeline,
  { dims, data }: HostTensor,
): Float32Array {
  const [, , height = 1, width = 1] = dims;
  if (kind === 'segmentation') {
    const found = answer as readonly { label: string | null; mask: { data: Uint8Array } }[];
    const indices = new Map(
      Object.entries(model.config.id2label ?? {}).map(([index, label]) => [label, Number(index)]),
    );
    const segments = found.map(({ label, mask }) => ({
      index: indices.get(label ?? '') ?? 0,
      mask: mask.data,
    }));
    return segmentPlanes(segments, data.length / 3);
  }
  const { predicted_depth: depth } = answer as { predicted_depth: { data: Float32Array } };
  const relief: Relief = { width, height, data: depth.data };
  return kind === 'normal' ? normalPlanes(relief) : depthPlanes(relief);
}

/** Bytes of red, green and blue of each pixel. */
function pixelsOf({ data }: HostTensor): Uint8ClampedArray {
  const area = data.length / 3;
  return Uint8ClampedArray.from(data, (_, i) => {
    return Math.round((data[(i % 3) * area + Math.floor(i / 3)] ?? 0) * 255);
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
