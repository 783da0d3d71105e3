/**
 * Cuts a picture into overlapping tiles and blends what comes back.
 *
 * Tiles of one axis start at even distances, so that the overlaps are alike; in an overlap both tiles are
 * weighed by linear ramps that sum to one. What a network computes over a whole picture (norms, attention) it computes
 * over a tile instead, so a tiled result differs slightly in tone.
 */

import { EngineError, isEngineError } from '../errors.ts';
import type { Violation } from '../runtime/plan.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';

/** Least part of a tile that it shares with its neighbour, where nothing else is asked for. */
const TILE_OVERLAP = 0.25;

/** A tile's place, in the units of what is cut. */
export type Tile = {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
};

/** Where tiles of at most `tile` start along an axis of `size`, each overlapping the next by at least `overlap`. */
export function tileStarts(
  size: number,
  tile: number,
  overlap: number = tile * TILE_OVERLAP,
): number[] {
  if (tile >= size) return [0];
  const stride = Math.max(1, Math.floor(tile - overlap));
  const count = Math.ceil((size - tile) / stride) + 1;
  return Array.from({ length: count }, (_, i) => Math.round((i * (size - tile)) / (count - 1)));
}

/** How a picture is cut for a network that maps one picture to one of another scale. */
export type TilingOptions = {
  /** Edge of the largest tile, in units. */
  readonly tile: number;
  /** Pixels of the input in a unit: tiles begin and end at whole ones. */
  readonly unit: number;
  /** Pixels of the output for each pixel of the input. */
  readonly outScale: number;
  readonly signal?: AbortSignal | undefined;
};

/** What `network` makes of a picture [B, C, H, W], tile by tile. */
export async function inTiles(
  input: HostTensor,
  { tile, unit, outScale, signal }: TilingOptions,
  network: (part: HostTensor) => Promise<HostTensor>,
): Promise<HostTensor> {
  const [batch = 1, , height = 1, width = 1] = input.dims;
  let blender: TileBlender | undefined;
  const overlap = Math.floor(tile * TILE_OVERLAP) * unit * outScale;
  for (const each of tilesOf(height / unit, width / unit, tile)) {
    signal?.throwIfAborted();
    const part = await network(cutTile(input, scaled(each, unit)));
    const [, channels = 1] = part.dims;
    blender ??= new TileBlender([batch, channels, height * outScale, width * outScale]);
    blender.add(part, scaled(each, unit * outScale), overlap);
  }
  return (blender as TileBlender).finish();
}

function scaled({ top, left, height, width }: Tile, factor: number): Tile {
  return { top: top * factor, left: left * factor, height: height * factor, width: width * factor };
}

/** All tiles of a picture, row by row. */
export function tilesOf(height: number, width: number, tile: number): Tile[] {
  const [h, w] = [Math.min(tile, height), Math.min(tile, width)];
  return tileStarts(height, tile).flatMap((top) =>
    tileStarts(width, tile).map((left) => ({ top, left, height: h, width: w })),
  );
}

/** What is asked of {@link fittingTile}. */
export type TileSearch = {
  /** For messages. */
  readonly name: string;
  /** Edges to try, the largest first. */
  readonly edges: readonly number[];
  readonly height: number;
  readonly width: number;
  /** What a tile of this size would exceed. */
  readonly violations: (height: number, width: number) => readonly Violation[];
};

/**
 * Edge of the largest square tile with which nothing is exceeded; undefined when the whole exceeds nothing.
 *
 * @throws EngineError `unsupported`, naming what is too large, when even the smallest tile exceeds it.
 */
export function fittingTile({
  name,
  edges,
  height,
  width,
  violations,
}: TileSearch): number | undefined {
  let found = violations(height, width);
  if (found.length === 0) return undefined;
  for (const tile of edges) {
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

/** Runs with a tile, or whole, and with smaller tiles while there is no room: what a device has left cannot be asked for. */
export async function untilThereIsRoom<T>(
  search: Pick<TileSearch, 'edges' | 'height' | 'width'>,
  first: number | undefined,
  run: (tile: number | undefined) => Promise<T>,
): Promise<T> {
  let tile = first;
  for (;;) {
    try {
      return await run(tile);
    } catch (error) {
      const edge = tile ?? Math.max(search.height, search.width);
      const smaller = search.edges.find((each) => each < edge);
      if (!isEngineError(error) || error.code !== 'out-of-memory' || smaller === undefined)
        throw error;
      tile = smaller;
    }
  }
}

/** The part of a picture [B, C, H, W] that a tile covers. */
export function cutTile({ dims, data }: HostTensor, tile: Tile): HostTensor {
  const [batch = 1, channels = 1, height = 1, width = 1] = dims;
  const result = new Float32Array(batch * channels * tile.height * tile.width);
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let row = 0; row < tile.height; row++) {
      const from = (plane * height + tile.top + row) * width + tile.left;
      result.set(data.subarray(from, from + tile.width), (plane * tile.height + row) * tile.width);
    }
  }
  return { dims: [batch, channels, tile.height, tile.width], data: result };
}

/** Adds up tiles of one picture, weighed, and gives the whole. */
class TileBlender {
  readonly #dims: readonly [number, number, number, number];
  readonly #sum: Float32Array<ArrayBuffer>;
  readonly #weight: Float32Array<ArrayBuffer>;

  /** @param dims of the whole picture [B, C, H, W]. */
  constructor(dims: readonly [number, number, number, number]) {
    const [batch, channels, height, width] = dims;
    this.#dims = dims;
    this.#sum = new Float32Array(batch * channels * height * width);
    this.#weight = new Float32Array(height * width);
  }

  /** Adds a tile. `overlap` is how many pixels its ramps take at the sides that have a neighbour. */
  add(
    { data }: HostTensor,
    { top, left, height, width }: Tile,
    overlap: number,
  ): void {
    const [batch, channels, wholeHeight, wholeWidth] = this.#dims;
    const down = ramp(top, height, wholeHeight, overlap);
    const across = ramp(left, width, wholeWidth, overlap);
    for (let row = 0; row < height; row++) {
      const rowWeight = down[row] as number;
      for (let column = 0; column < width; column++) {
        const weight = rowWeight * (across[column] as number);
        const at = (top + row) * wholeWidth + left + column;
        this.#weight[at] = (this.#weight[at] as number) + weight;
        for (let plane = 0; plane < batch * channels; plane++) {
          const to = plane * wholeHeight * wholeWidth + at;
          const value = data[(plane * height + row) * width + column] as number;
          this.#sum[to] = (this.#sum[to] as number) + weight * value;
        }
      }
    }
  }

  /** The whole picture. */
  finish(): HostTensor {
    const plane = this.#weight.length;
    const data = this.#sum.map((sum, i) => sum / (this.#weight[i % plane] as number));
    return { dims: [...this.#dims], data };
  }
}

/** Weights along one axis of a tile: 1 inside, falling towards a neighbour, never 0. */
function ramp(start: number, length: number, whole: number, overlap: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const before = start === 0 ? 1 : Math.min(1, (i + 0.5) / overlap);
    const behind = start + length === whole ? 1 : Math.min(1, (length - i - 0.5) / overlap);
    return Math.min(before, behind);
  });
}
