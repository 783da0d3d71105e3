/**
 * A network that maps one picture to one picture of another scale, in tiles where the whole exceeds what the device
 * allows.
 */

import { EngineError, isEngineError } from '../errors.ts';
import { isDeviceTensor, type RunTensor } from '../runtime/backend.ts';
import type { Violation } from '../runtime/plan.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { inTiles } from './tiling.ts';

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
    const [, , height = 1, width = 1] = input.dims;
    let tile = this.tileFor(height / unit, width / unit);
    for (;;) {
      try {
        return tile === undefined
          ? await run(input, options)
          : await this.#tiled(input, tile, options);
      } catch (error) {
        // What a device has left cannot be asked for: try again with less until it suffices.
        const smaller = TILES.find((each) => each < (tile ?? Math.max(height, width) / unit));
        if (!isEngineError(error) || error.code !== 'out-of-memory' || smaller === undefined)
          throw error;
        tile = smaller;
      }
    }
  }

  /**
   * Edge of the largest square tile, in latent pixels, with which nothing exceeds the device's limits; undefined when a
   * picture of this latent size can be had whole.
   *
   * @throws EngineError `unsupported`, naming what is too large, when even the smallest tile exceeds them.
   */
  tileFor(height: number, width: number): number | undefined {
    const { name, unit } = this.#definition;
    const violations = (h: number, w: number): readonly Violation[] =>
      this.#definition.violations(h * unit, w * unit);
    let found = violations(height, width);
    if (found.length === 0) return undefined;
    for (const tile of TILES) {
      if (tile >= Math.max(height, width)) continue;
      found = violations(Math.min(tile, height), Math.min(tile, width));
      if (found.length === 0) return tile;
    }
    const [{ node, reason, value, limit }] = found as [Violation];
    throw new EngineError(
      'unsupported',
      `the ${name} exceeds this device's limits in its smallest tile: ${node} (${reason}: ${value}, allowed ${limit})`,
      { detail: { node, reason, value, limit } },
    );
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
