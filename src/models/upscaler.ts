/**
 * An upscaler ready to run: pictures in, larger pictures out, tile by tile.
 *
 * The networks only look near each pixel. So tiles overlap by a margin on each side, of which the outer part, wrong by what
 * the network did not see, is thrown away; what is left lies side by side, in bytes.
 */

import { EngineError } from '../errors.ts';
import { blankPicture, type Picture } from '../image/picture.ts';
import { upscalerScale, upscalerUnit, type UpscalerConfig } from '../networks/upscaler-config.ts';
import { upscalerGraph } from '../networks/upscaler.ts';
import type { Violation } from '../runtime/plan.ts';
import type { Runtime, StageRunOptions } from '../runtime/runtime.ts';
import { Stage } from '../runtime/stage.ts';
import { hostTensor, type HostTensor } from '../tensor/host-tensor.ts';
import {
  cutTile,
  fittingTile,
  tileStarts,
  untilThereIsRoom,
  type Tile,
  type TileSearch,
} from './tiling.ts';
import type { UpscalerPart } from './upscaler-file.ts';

/** Options of {@link Upscaler.enlarge}. */
export type EnlargeOptions = Pick<StageRunOptions, 'signal' | 'onProgress'> & {
  /** Told after each tile; begins anew where the device had no room for tiles of that size. */
  readonly onTile?: ((done: number, of: number) => void) | undefined;
};

/** Edges of tiles to try, in pixels that the network's convolutions see. */
const TILES = [512, 384, 256, 192, 160, 128, 96, 64, 48, 32] as const;

/** Pixels of a tile's sides that are thrown away where it has a neighbour. docs/decisions/upscalers.md has what is seen of it. */
const MARGIN = 10;

/** What a tile may take in memory beside the weights: larger tiles save little, and are waited for longer. */
const TILE_BYTES = 256 * 2 ** 20;

/** Pixels of the largest result: three bytes each, and a browser holds it several times over while it is written. */
const MAX_PIXELS = 2 ** 27;

/** A tile on one axis: where it starts, its length, and the part of it that is kept; in units. */
type Cut = {
  readonly start: number;
  readonly length: number;
  readonly from: number;
  readonly to: number;
};

/** See the file's header. */
export class Upscaler {
  readonly config: UpscalerConfig;
  /** Factor on height and width. */
  readonly scale: number;
  /** The network in all its graphs. */
  readonly stage: Stage<null>;
  readonly #runtime: Runtime;
  /** Pixels of the picture for each that the convolutions see. */
  readonly #unit: number;

  constructor(runtime: Runtime, { config, checkpoint }: UpscalerPart) {
    this.config = config;
    this.scale = upscalerScale(config);
    this.#unit = upscalerUnit(config);
    this.#runtime = runtime;
    this.stage = new Stage({
      name: 'upscaler',
      checkpoint,
      // Real-ESRGAN itself runs in f16 unless it is told otherwise.
      isSafeInHalf: true,
      build: (_, options) => upscalerGraph(config, checkpoint, options),
    });
  }

  /** The network on a whole picture [1, 3, H, W] in [0, 1]: [1, 3, sH, sW], which may lie a little outside of it. */
  async run(picture: HostTensor, options: StageRunOptions = {}): Promise<HostTensor> {
    const [, , height = 1, width = 1] = picture.dims;
    const image = mirrored(picture, this.#unit);
    const outputs = await this.#runtime.run(this.stage, null, { image }, options);
    const enlarged = outputs['enlarged'] as HostTensor;
    const { scale } = this;
    if (image === picture) return enlarged;
    return cutTile(enlarged, { top: 0, left: 0, height: height * scale, width: width * scale });
  }

  /**
   * The colours of a picture, `scale` times as large; alpha is left away.
   *
   * @throws EngineError `unsupported` when the result would be too large, or the device allows not even a small tile.
   */
  async enlarge(picture: Picture, options: EnlargeOptions = {}): Promise<Picture> {
    const { width, height } = picture;
    const { scale } = this;
    if (width * height * scale ** 2 > MAX_PIXELS) {
      throw new EngineError(
        'unsupported',
        `a picture of ${width}x${height} enlarged ${scale} times has more than ${MAX_PIXELS / 2 ** 20} megapixels, the most that is possible here`,
        { detail: { width, height, scale, limit: MAX_PIXELS } },
      );
    }
    const search = this.#search(height, width);
    return untilThereIsRoom(search, fittingTile(search), (tile) =>
      this.#inTiles(picture, tile ?? Math.max(search.height, search.width), options),
    );
  }

  /**
   * How many tiles a picture of this size is cut into, and their sides in pixels: those of the picture where it is one.
   *
   * @throws EngineError `unsupported` when even the smallest tile exceeds the device's limits.
   */
  tilesFor(
    height: number,
    width: number,
  ): { readonly count: number; readonly height: number; readonly width: number } {
    const search = this.#search(height, width);
    const tile = fittingTile(search) ?? Math.max(search.height, search.width);
    const [rows, columns] = [cuts(search.height, tile), cuts(search.width, tile)];
    const sideOf = ([first]: readonly Cut[], side: number): number =>
      Math.min((first?.length ?? 0) * this.#unit, side);
    return {
      count: rows.length * columns.length,
      height: sideOf(rows, height),
      width: sideOf(columns, width),
    };
  }

  #search(height: number, width: number): TileSearch {
    const unit = this.#unit;
    return {
      name: 'upscaler',
      edges: TILES,
      height: Math.ceil(height / unit),
      width: Math.ceil(width / unit),
      violations: (h, w) => {
        const image = { dims: [1, 3, h * unit, w * unit] };
        const { violations, workBytes } = this.#runtime.fit(this.stage, null, { image }).plan;
        const own: Violation = {
          node: 'a tile',
          op: '',
          reason: 'memory',
          value: workBytes,
          limit: TILE_BYTES,
        };
        return workBytes > TILE_BYTES ? [...violations, own] : violations;
      },
    };
  }

  async #inTiles(
    picture: Picture,
    tile: number,
    { onTile, ...options }: EnlargeOptions,
  ): Promise<Picture> {
    const { width, height } = picture;
    const { scale } = this;
    const unit = this.#unit;
    const rows = cuts(Math.ceil(height / unit), tile);
    const columns = cuts(Math.ceil(width / unit), tile);
    const result = blankPicture(width * scale, height * scale, 3);
    let done = 0;
    for (const row of rows) {
      for (const column of columns) {
        options.signal?.throwIfAborted();
        const [top, left] = [row.start * unit, column.start * unit];
        const place = {
          top,
          left,
          height: Math.min(row.length * unit, height - top),
          width: Math.min(column.length * unit, width - left),
        };
        const part = await this.run(planesOf(picture, place), options);
        lay(result, part, { row, column, factor: unit * scale });
        onTile?.(++done, rows.length * columns.length);
      }
    }
    return result;
  }
}

/** Tiles of an axis, no longer than they need be, each kept up to the middle of what it shares with its neighbour. */
function cuts(size: number, tile: number): Cut[] {
  const overlap = 2 * MARGIN;
  const { length: count } = tileStarts(size, tile, overlap);
  const length = Math.ceil((size + (count - 1) * overlap) / count);
  const starts = tileStarts(size, length, overlap);
  const middle = (i: number): number =>
    Math.floor(((starts[i] as number) + length + (starts[i + 1] as number)) / 2);
  return starts.map((start, i) => ({
    start,
    length,
    from: i === 0 ? 0 : middle(i - 1),
    to: i === starts.length - 1 ? size : middle(i),
  }));
}

/** A part of a picture as planes in [0, 1]. */
function planesOf({ data, channels, width: whole }: Picture, place: Tile): HostTensor {
  const { top, left, height, width } = place;
  const planes = new Float32Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = ((top + y) * whole + left + x) * channels;
      for (let c = 0; c < 3; c++) planes[(c * height + y) * width + x] = (data[from + c] as number) / 255;
    }
  }
  return hostTensor(planes, [1, 3, height, width]);
}

/** Planes with sides of multiples of `unit`: what is missing at the end is mirrored, as Real-ESRGAN does. */
function mirrored(planes: HostTensor, unit: number): HostTensor {
  const [batch = 1, channels = 1, height = 1, width = 1] = planes.dims;
  const [high, wide] = [Math.ceil(height / unit) * unit, Math.ceil(width / unit) * unit];
  if (high === height && wide === width) return planes;
  const at = (i: number, size: number): number => (i < size ? i : Math.max(0, 2 * size - 2 - i));
  const result = new Float32Array(batch * channels * high * wide);
  for (let i = 0; i < result.length; i++) {
    const [plane, y, x] = [Math.floor(i / wide / high), Math.floor(i / wide) % high, i % wide];
    const from = (plane * height + at(y, height)) * width + at(x, width);
    result[i] = planes.data[from] as number;
  }
  return hostTensor(result, [batch, channels, high, wide]);
}

/** Writes the kept part of a tile's planes in about [0, 1] into a picture; `factor` is pixels of the picture for each unit. */
function lay(
  { data, width, height }: Picture,
  { data: planes, dims }: HostTensor,
  { row, column, factor }: { row: Cut; column: Cut; factor: number },
): void {
  const [, , high = 1, wide = 1] = dims;
  for (let y = row.from * factor; y < Math.min(row.to * factor, height); y++) {
    for (let x = column.from * factor; x < Math.min(column.to * factor, width); x++) {
      const from = (y - row.start * factor) * wide + x - column.start * factor;
      const to = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) {
        const value = planes[c * high * wide + from] as number;
        data[to + c] = Math.round(Math.min(1, Math.max(0, value)) * 255);
      }
    }
  }
}
