/**
 * What requests name beside a model, opened once, and the models that LoRAs and other autoencoders make of a model.
 */

import { EngineError } from '../errors.ts';
import { ControlNet } from '../models/controlnet.ts';
import { DiffusionModel } from '../models/diffusion-model.ts';
import {
  fitLoras,
  setLoras,
  withLoras,
  type AppliedLora,
  type FittedLoras,
} from '../models/lora-parts.ts';
import type { AdjunctEntry, ModelEntry } from '../models/manifest.ts';
import type { ModelParts } from '../models/model-parts.ts';
import {
  openControlNet,
  openEmbedding,
  openLora,
  openUpscaler,
  openVae,
} from '../models/open-adjunct.ts';
import { partsOf, type OpenPartsOptions } from '../models/open-parts.ts';
import { promptTokenizer } from '../models/prompt-tokenizer.ts';
import { Upscaler } from '../models/upscaler.ts';
import type { ControlNets } from '../pipelines/control.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { QuantisableOptions } from '../runtime/stage.ts';
import type { ClipTokenizer } from '../text/clip-tokenizer.ts';
import type { Embedding } from '../weights/embedding.ts';

/** A LoRA and how much of it: 0 is none, 1 as it was trained. */
export type NamedLora = {
  readonly entry: AdjunctEntry;
  /** In the UNet. */
  readonly strength: number;
  /** In the text encoder; default the same. */
  readonly textEncoderStrength?: number;
};

/** What a request names beside its model; plain data. */
export type Adjuncts = {
  /** LoRAs, laid over the weights in this order. */
  readonly loras?: readonly NamedLora[];
  /** Words of their own for both prompts. */
  readonly embeddings?: readonly AdjunctEntry[];
  /** The nets that the request's `control` names by their ids. */
  readonly controlNets?: readonly AdjunctEntry[];
  /** The autoencoder in place of the model's own. */
  readonly vae?: AdjunctEntry;
};

type OpenOptions = Pick<OpenPartsOptions, 'signal' | 'onDownload' | 'store'> &
  QuantisableOptions & {
    /** Throws for a model that is not to be opened, now that its files are here. */
    readonly accept?: (parts: ModelParts) => void;
  };

/** A model with LoRAs or another autoencoder, and the ids of those. */
type Variant = {
  readonly key: string;
  readonly model: DiffusionModel;
  readonly wears: readonly string[];
};

/** A model as its files have it, and the last variant that was asked for. */
type Opened = {
  readonly parts: ModelParts;
  /** What its networks are made with. */
  readonly made: { readonly preview: ModelEntry['preview'] } & QuantisableOptions;
  readonly plain: DiffusionModel;
  variant: Variant | undefined;
};

/** A model as a request wants it. */
type Prepared = {
  readonly model: DiffusionModel;
  /** What was named and has no effect, in sentences. */
  readonly warnings: readonly string[];
};

/** See the file's header. */
export class OpenModels {
  readonly #runtime: Runtime;
  readonly #models = new Map<string, Opened>();
  readonly #adjuncts = new Map<string, Promise<unknown>>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Whether a model is open under this id. */
  isOpen(id: string): boolean {
    return this.#models.has(id);
  }

  /** Opens a model under its entry's id, unless it is open; with weights of other bits than it has, its memory is freed first. */
  async open(
    entry: ModelEntry,
    { weightBits, accept, ...options }: OpenOptions,
  ): Promise<DiffusionModel> {
    const { id, preview } = entry;
    const known = this.#models.get(id);
    const isAsAsked = weightBits === undefined || weightBits === known?.made.weightBits;
    if (known !== undefined && isAsAsked) return known.plain;
    const parts = known?.parts ?? (await partsOf(entry, options));
    accept?.(parts);
    await this.close(id);
    const made = { preview, weightBits };
    const plain = new DiffusionModel(this.#runtime, parts, made);
    this.#models.set(id, { parts, made, plain, variant: undefined });
    return plain;
  }

  /**
   * The open model `id` with these LoRAs and this autoencoder, to be used before the next call. LoRAs change the weights in
   * place where the runtime can; elsewhere they make a variant, as autoencoders do everywhere. One variant is kept beside the
   * plain model; the one before it leaves memory.
   *
   * @throws EngineError `invalid-argument` when no such model is open, `weights-mismatch` when a LoRA fits nothing in it.
   */
  async model(id: string, { loras = [], vae }: Adjuncts, options: OpenOptions): Promise<Prepared> {
    const opened = this.#models.get(id);
    if (opened === undefined) {
      const known = [...this.#models.keys()].join(', ') || 'none';
      throw new EngineError('invalid-argument', `no model ${id} is open; open are: ${known}`);
    }
    const applied = loras.filter((lora) => strengthsOf(lora).some((strength) => strength !== 0));
    const files = await Promise.all(
      applied.map(async (lora): Promise<AppliedLora> => {
        const { entry } = lora;
        const [unetStrength, textEncoderStrength] = strengthsOf(lora);
        const file = await this.#once(`lora ${entry.id}`, () => openLora(entry, options));
        return { file, unetStrength, textEncoderStrength };
      }),
    );
    const fitted = fitLoras(opened.parts, files);
    const warnings = warningsOf(id, fitted);
    const isInPlace = this.#runtime.canPatch;
    if (isInPlace) setLoras(this.#runtime, opened.parts, fitted);
    const inVariant = isInPlace
      ? []
      : applied.map((lora) => [lora.entry.id, ...strengthsOf(lora)] as const);
    if (inVariant.length === 0 && vae === undefined) return { model: opened.plain, warnings };
    const key = JSON.stringify([inVariant, vae?.id]);
    if (opened.variant?.key === key) return { model: opened.variant.model, warnings };
    const own = opened.plain.vae.config.scalingFactor;
    const given = vae && (await this.#once(`vae ${vae.id}`, () => openVae(vae, own, options)));
    const parts = isInPlace ? opened.parts : withLoras(opened.parts, fitted);
    const model = new DiffusionModel(
      this.#runtime,
      given === undefined ? parts : { ...parts, vae: given },
      opened.made,
    );
    await opened.variant?.model.release(opened.plain);
    const wears = [...applied.map((lora) => lora.entry.id), ...(vae === undefined ? [] : [vae.id])];
    opened.variant = { key, model, wears };
    return { model, warnings };
  }

  /** The tokenizer of an entry's prompts; the model is not opened for it. */
  async tokenizer(entry: ModelEntry): Promise<ClipTokenizer> {
    const opened = this.#models.get(entry.id);
    if (opened !== undefined) return opened.plain.texts[0].tokenizer;
    return this.#once(`tokenizer ${entry.id}`, () => promptTokenizer(entry));
  }

  /** The ControlNets of these entries by id. */
  async controlNets(entries: readonly AdjunctEntry[], options: OpenOptions): Promise<ControlNets> {
    const nets = entries.map(async (entry): Promise<[string, ControlNet]> => {
      const net = await this.#once(`controlnet ${entry.id}`, async () => {
        const { config, checkpoint } = await openControlNet(entry, options);
        return new ControlNet(this.#runtime, config, checkpoint);
      });
      return [entry.id, net];
    });
    return new Map(await Promise.all(nets));
  }

  /** The embeddings of these entries. */
  embeddings(entries: readonly AdjunctEntry[], options: OpenOptions): Promise<Embedding[]> {
    return Promise.all(
      entries.map((entry) =>
        this.#once(`embedding ${entry.id}`, () => openEmbedding(entry, options)),
      ),
    );
  }

  /** The upscaler of an entry. */
  upscaler(entry: AdjunctEntry, options: OpenOptions): Promise<Upscaler> {
    return this.#once(
      upscalerKey(entry.id),
      async () => new Upscaler(this.#runtime, await openUpscaler(entry, options)),
    );
  }

  /** Closes what has that id: a model and what it holds, and things beside models, which models then no longer wear. */
  async close(id: string): Promise<void> {
    for (const kind of ['lora', 'vae', 'controlnet', 'embedding', 'tokenizer'])
      this.#adjuncts.delete(`${kind} ${id}`);
    if (this.#adjuncts.delete(upscalerKey(id))) await this.#runtime.releaseCheckpoint(id);
    for (const other of this.#models.values()) {
      if (other.variant === undefined || !other.variant.wears.includes(id)) continue;
      await other.variant.model.release(other.plain);
      other.variant = undefined;
    }
    const opened = this.#models.get(id);
    this.#models.delete(id);
    await opened?.variant?.model.release();
    await opened?.plain.release();
    if (opened !== undefined) setLoras(this.#runtime, opened.parts);
  }

  /** Forgets everything; the runtime's memory goes with the runtime. */
  clear(): void {
    this.#models.clear();
    this.#adjuncts.clear();
  }

  /** What was opened under a key; a failure is not remembered. */
  #once<T>(key: string, open: () => Promise<T>): Promise<T> {
    const known = this.#adjuncts.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const opened = open();
    this.#adjuncts.set(key, opened);
    opened.catch(() => this.#adjuncts.delete(key));
    return opened;
  }
}

function upscalerKey(id: string): string {
  return `upscaler ${id}`;
}

function strengthsOf({ strength, textEncoderStrength = strength }: NamedLora): [number, number] {
  return [strength, textEncoderStrength];
}

/** Most keys that a warning names. */
const MAX_NAMED = 8;

/** One sentence for each LoRA of which not all is of use. */
function warningsOf(id: string, { unmatched }: FittedLoras): string[] {
  return [...unmatched]
    .filter(([, keys]) => keys.length > 0)
    .map(([name, keys]) => {
      const more = keys.length > MAX_NAMED ? ` and ${keys.length - MAX_NAMED} more` : '';
      const named = keys.slice(0, MAX_NAMED).join(', ');
      const matches = keys.length === 1 ? '1 key of the LoRA' : `${keys.length} keys of the LoRA`;
      const verb = keys.length === 1 ? 'matches' : 'match';
      return `${matches} ${name} ${verb} nothing in ${id} and had no effect: ${named}${more}`;
    });
}
