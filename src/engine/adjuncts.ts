/**
 * What requests name beside a model, opened once, and the models that LoRAs and other autoencoders make of a model.
 */

import { EngineError } from '../errors.ts';
import { ControlNet } from '../models/controlnet.ts';
import { DiffusionModel } from '../models/diffusion-model.ts';
import { withLoras, type AppliedLora } from '../models/lora-parts.ts';
import type { AdjunctEntry, ModelEntry } from '../models/manifest.ts';
import type { ModelParts } from '../models/model-parts.ts';
import { openControlNet, openEmbedding, openLora, openVae } from '../models/open-adjunct.ts';
import { partsOf, type OpenPartsOptions } from '../models/open-parts.ts';
import { promptTokenizer } from '../models/prompt-tokenizer.ts';
import type { ControlNets } from '../pipelines/control.ts';
import type { Runtime } from '../runtime/runtime.ts';
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

type OpenOptions = Pick<OpenPartsOptions, 'signal' | 'onDownload'>;

/** A model as its files have it, and the last variant that was asked for. */
type Opened = {
  readonly parts: ModelParts;
  readonly preview: ModelEntry['preview'];
  readonly plain: DiffusionModel;
  variant: { readonly key: string; readonly model: DiffusionModel } | undefined;
};

/** See the file's header. */
export class OpenModels {
  readonly #runtime: Runtime;
  readonly #models = new Map<string, Opened>();
  readonly #adjuncts = new Map<string, Promise<unknown>>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Opens a model under its entry's id, unless it is open. */
  async open(entry: ModelEntry, options: OpenOptions): Promise<DiffusionModel> {
    const { id, preview } = entry;
    const known = this.#models.get(id);
    if (known !== undefined) return known.plain;
    const parts = await partsOf(entry, options);
    const plain = new DiffusionModel(this.#runtime, parts, { preview });
    this.#models.set(id, { parts, preview, plain, variant: undefined });
    return plain;
  }

  /**
   * The open model `id` with these LoRAs and this autoencoder. One variant is kept beside the plain model; the one before it
   * leaves memory.
   *
   * @throws EngineError `invalid-argument` when no such model is open, or a LoRA changes nothing in it.
   */
  async model(
    id: string,
    { loras = [], vae }: Adjuncts,
    options: OpenOptions,
  ): Promise<DiffusionModel> {
    const opened = this.#models.get(id);
    if (opened === undefined) {
      const known = [...this.#models.keys()].join(', ') || 'none';
      throw new EngineError('invalid-argument', `no model ${id} is open; open are: ${known}`);
    }
    const applied = loras.filter((lora) => strengthsOf(lora).some((strength) => strength !== 0));
    if (applied.length === 0 && vae === undefined) return opened.plain;
    const key = JSON.stringify([
      applied.map((lora) => [lora.entry.id, ...strengthsOf(lora)]),
      vae?.id,
    ]);
    if (opened.variant?.key === key) return opened.variant.model;
    const files = await Promise.all(
      applied.map(async (lora): Promise<AppliedLora> => {
        const { entry } = lora;
        const [unetStrength, textEncoderStrength] = strengthsOf(lora);
        const file = await this.#once(`lora ${entry.id}`, () => openLora(entry, options));
        return { file, unetStrength, textEncoderStrength };
      }),
    );
    const { parts, unmatched } = withLoras(opened.parts, files);
    refuseStrangers(id, parts, unmatched, files);
    const own = opened.plain.vae.config.scalingFactor;
    const given = vae && (await this.#once(`vae ${vae.id}`, () => openVae(vae, own, options)));
    const model = new DiffusionModel(
      this.#runtime,
      given === undefined ? parts : { ...parts, vae: given },
      { preview: opened.preview },
    );
    await opened.variant?.model.release(opened.plain);
    opened.variant = { key, model };
    return model;
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

  /** Closes a model and frees what it holds. */
  async close(id: string): Promise<void> {
    const opened = this.#models.get(id);
    this.#models.delete(id);
    await opened?.variant?.model.release();
    await opened?.plain.release();
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

function strengthsOf({ strength, textEncoderStrength = strength }: NamedLora): [number, number] {
  return [strength, textEncoderStrength];
}

/** A LoRA of which nothing fits was made for another family, whatever its name says. */
function refuseStrangers(
  id: string,
  { unet, texts }: ModelParts,
  unmatched: ReadonlyMap<string, readonly string[]>,
  loras: readonly AppliedLora[],
): void {
  const changed = [unet, ...texts].map(({ checkpoint }) => checkpoint.id).join();
  const stranger = loras.find(({ file }) => !changed.includes(`${file.name}@`));
  if (stranger === undefined) return;
  const { name } = stranger.file;
  const keys = (unmatched.get(name) ?? []).slice(0, 5).join(', ');
  throw new EngineError(
    'invalid-argument',
    `the LoRA ${name} changes nothing in ${id}: it was made for another family of models. It has ${keys}`,
    { detail: { lora: name, model: id } },
  );
}
