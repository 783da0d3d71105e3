/**
 * What the API needs of an engine, wherever that runs: pictures for tasks.
 */

import type { Adjuncts } from '../engine/adjuncts.ts';
import type { Picture } from '../image/picture.ts';
import type { AdjunctEntry, ModelEntry } from '../models/manifest.ts';
import type { GenerateOptions, GenerateRequest } from '../pipelines/generate.ts';
import type { GenerateProgress } from '../pipelines/progress.ts';
import type { FeatureName, Support } from './schema/features.ts';
import type { GenerationRequest } from './schema/request-types.ts';

/** A picture to draw: what the pipeline is told, and what only an artist with more features reads. */
export type DrawTask = {
  readonly generate: GenerateRequest;
  /** What the request names beside the model, as far as the registry has entries for it. */
  readonly adjuncts: Adjuncts;
  /** The request as it is drawn: names of LoRAs, ControlNets and the like. */
  readonly request: GenerationRequest;
  /** The request as it was asked, with what is left out and without the model's own defaults. */
  readonly asked: GenerationRequest;
  /** What will enlarge the pictures, by its entry: it is had before they are drawn. Undefined: nothing. */
  readonly upscaler?: AdjunctEntry | undefined;
  /** The request's images by field, as they were sent. */
  readonly images: Readonly<Partial<Record<ImageField, Picture>>>;
};

/** Fields that hold an image. */
export type ImageField = 'init_image' | 'mask_image' | 'control_image' | 'ip_adapter_image';

/** A picture to enlarge. */
export type EnlargeTask = {
  readonly picture: Picture;
  /** 1 to 4. */
  readonly scale: number;
  /** Id of the upscaler. */
  readonly upscaler: string;
  /** The registry's entry for it; undefined: it is known to the artist alone. */
  readonly entry?: AdjunctEntry | undefined;
};

/**
 * How far a request is: before it draws, the engine is started and the model opened; then pictures may be enlarged, where the
 * steps are parts of a picture.
 */
export type DrawProgress = Omit<GenerateProgress, 'phase'> & {
  readonly phase: 'starting' | 'opening' | 'enlarging' | GenerateProgress['phase'];
};

/** Options of a task. */
export type ArtistOptions = Pick<GenerateOptions, 'signal' | 'previews'> & {
  readonly onProgress?: ((progress: DrawProgress) => void) | undefined;
  /** Told, in a sentence, of what the request names and has no effect. */
  readonly onWarning?: ((warning: string) => void) | undefined;
};

/** See the file's header. */
export type Artist = {
  /** What it can do other than the table of features says. */
  readonly support?: Partial<Record<FeatureName, Support>>;
  /** One picture for each sample, in the size that the task asks for. */
  draw(entry: ModelEntry, task: DrawTask, options: ArtistOptions): Promise<readonly Picture[]>;
  /** The picture, `scale` times as large. */
  enlarge(task: EnlargeTask, options: ArtistOptions): Promise<Picture>;
  /** Opens a model ahead of its first picture. */
  open(entry: ModelEntry, options: Pick<ArtistOptions, 'signal'>): Promise<void>;
  /** Frees the memory that models hold; they are opened again when they are needed. */
  clear(): Promise<void>;
  /** Ends the engine; the next task starts it again. */
  restart(): Promise<void>;
};
