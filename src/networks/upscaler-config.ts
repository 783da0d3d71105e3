/**
 * What an upscaler's network is, told from the names and shapes of its weights: such files have no config.json.
 *
 * Two architectures: RRDBNet of ESRGAN and Real-ESRGAN (https://arxiv.org/abs/2107.10833), and Real-ESRGAN's SRVGGNetCompact.
 */

import { EngineError } from '../errors.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';

/** Residual-in-residual dense blocks, then nearest-neighbour doubling twice. */
export type RrdbConfig = {
  readonly kind: 'rrdb';
  /** Channels between blocks. */
  readonly features: number;
  /** Channels that each convolution of a dense block adds. */
  readonly growth: number;
  readonly blocks: number;
  /** Edge of the squares of pixels that become channels before the first convolution: 1 enlarges 4 times, 2 twice. */
  readonly unshuffle: 1 | 2;
};

/** A row of convolutions whose last one holds the pixels of the larger picture, added to the picture itself. */
export type CompactConfig = {
  readonly kind: 'compact';
  readonly features: number;
  /** Convolutions, the first and the last included. */
  readonly convolutions: number;
  /** Factor on height and width, 1 to 4. */
  readonly scale: number;
};

/** See the file's header. */
export type UpscalerConfig = RrdbConfig | CompactConfig;

/** Colours of a pixel. */
export const COLOURS = 3;

/** How often an RRDBNet doubles behind its blocks, as a factor. */
const RRDB_FACTOR = 4;

/** Factor on height and width of the picture. */
export function upscalerScale(config: UpscalerConfig): number {
  return config.kind === 'compact' ? config.scale : RRDB_FACTOR / config.unshuffle;
}

/** Edge in pixels of the picture for each pixel that the convolutions see. */
export function upscalerUnit(config: UpscalerConfig): number {
  return config.kind === 'rrdb' ? config.unshuffle : 1;
}

/** Whether the names are those of an upscaler. */
export function isUpscaler({ tensors }: Pick<Checkpoint, 'tensors'>): boolean {
  const isRrdb = tensors.has('conv_first.weight') && tensors.has('body.0.rdb1.conv1.weight');
  const isCompact =
    tensors.get('body.0.weight')?.shape.length === 4 &&
    tensors.get('body.1.weight')?.shape.length === 1;
  return isRrdb || isCompact;
}

/**
 * The config of a checkpoint's network.
 *
 * @param file its name, for messages; default the checkpoint's id.
 * @throws EngineError `model-malformed` when it is none of the two, `unsupported` when it works on something other than pictures
 *   of three colours or enlarges by a factor other than 1 to 4.
 */
export function upscalerConfig(
  checkpoint: Checkpoint,
  file: string = checkpoint.id,
): UpscalerConfig {
  if (!isUpscaler(checkpoint)) {
    const shown = [...checkpoint.tensors.keys()].slice(0, 5).join(', ');
    throw new EngineError(
      'model-malformed',
      `${file} is no upscaler that is known here (RRDBNet, SRVGGNetCompact); it holds ${checkpoint.tensors.size} tensors (${shown}, …)`,
      { detail: { name: file } },
    );
  }
  return checkpoint.tensors.has('conv_first.weight')
    ? rrdbConfig(checkpoint, file)
    : compactConfig(checkpoint, file);
}

function rrdbConfig(checkpoint: Checkpoint, file: string): RrdbConfig {
  const [features = 0, channels = 0] = shapeOf(checkpoint, 'conv_first.weight');
  const [growth = 0] = shapeOf(checkpoint, 'body.0.rdb1.conv1.weight');
  const unshuffle = Math.sqrt(channels / COLOURS);
  if (unshuffle !== 1 && unshuffle !== 2) {
    throw unsupported(file, `reads ${channels} channels; 3 and 12 are possible`);
  }
  let blocks = 1;
  while (checkpoint.tensors.has(`body.${blocks}.rdb1.conv1.weight`)) blocks++;
  return { kind: 'rrdb', features, growth, blocks, unshuffle };
}

function compactConfig(checkpoint: Checkpoint, file: string): CompactConfig {
  const [features = 0] = shapeOf(checkpoint, 'body.0.weight');
  let last = 0;
  while (checkpoint.tensors.has(`body.${last + 2}.weight`)) last += 2;
  const [channels = 0] = shapeOf(checkpoint, `body.${last}.weight`);
  const scale = Math.sqrt(channels / COLOURS);
  if (![1, 2, 3, 4].includes(scale)) {
    throw unsupported(file, `gives ${channels} channels; 3, 12, 27 and 48 are possible`);
  }
  return { kind: 'compact', features, convolutions: last / 2 + 1, scale };
}

function shapeOf({ tensors }: Checkpoint, name: string): readonly number[] {
  return tensors.get(name)?.shape ?? [];
}

function unsupported(file: string, what: string): EngineError {
  return new EngineError('unsupported', `the upscaler ${file} ${what}`, { detail: { name: file } });
}
