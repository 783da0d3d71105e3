/**
 * A network that maps one picture to one picture of another scale, in tiles where the whole exceeds what the device
 * allows.
 */

import { isDeviceTensor, type RunTensor } from '../runtime/backend.ts';
import type { Violation } from '../runtime/plan.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { fittingTile, inTiles, untilThereIsRoom } from './tiling.ts';

/** What makes a {@link TiledStage}. */
export type TiledStageDefinition = {
  /** For messages. */
  readonly name: string;
  /** Pixels of the input for each latent pixel. */
  readonly unit: number;
  /** Pixels of the output for each pixel of the input. */
  readonly outScale: number;
  /** Runs the network on a whole picture. */
  readonly run: (input: RunTensor, options: StageRunOptions) => Promise<RunTensor>;
  /** What a run on an input of this size in pixels would exceed. */
  readonly violations: (height: number, width: number) => readonly Violation[];
};

/** Edges of tiles to try, in latent pixels. */
const TILES = [128, 96, 80, 64, 48, 40, 32, 24, 16, 8] as const;

/** See the file's header. */
export class TiledStage {
  readonly #definition: TiledStageDefinition;

  constructor(definition: TiledStageDefinition) {
    this.#definition = definition;
  }

  /** Runs on a picture [B, C, H, W]. */
  async run(input: RunTensor, options: StageRunOptions = {}): Promise<RunTensor> {
    const { run, unit } = this.#definition;
    // A picture on the device is in the device's order; its sampler has already made sure that it fits whole.
    if (isDeviceTensor(input)) return run(input, options);
    const [, , inputHeight = 1, inputWidth = 1] = input.dims;
    const [height, width] = [inputHeight / unit, inputWidth / unit];
    const search = { edges: TILES, height, width };
    return untilThereIsRoom<RunTensor>(search, this.tileFor(height, width), (tile) =>
      tile === undefined ? run(input, options) : this.#tiled(input, tile, options),
    );
  }

  /**
   * Edge of the largest square tile, in latent pixels, with which nothing exceeds the device's limits; undefined when a
   * picture of this latent size can be had whole.
   *
   * @throws EngineError `unsupported`, naming what is too large, when even the smallest tile exceeds them.
   */
  tileFor(height: number, width: number): number | undefined {
    const { name, unit, violations } = this.#definition;
    return fittingTile({
      name,
      edges: TILES,
      height,
      width,
      violations: (h, w) => violations(h * unit, w * unit),
    });
  }

  #tiled(input: HostTensor, tile: number, options: StageRunOptions): Promise<HostTensor> {
    const { unit, outScale, run } = this.#definition;
    const { signal } = options;
    return inTiles(
      input,
      { tile, unit, outScale, signal },
      async (part) => (await run(part, options)) as HostTensor,
    );
  }
}
