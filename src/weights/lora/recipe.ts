/**
 * From a LoRA's tensors for one module to the change of that module's weight: which kind it is, and whether it fits.
 */

import { EngineError } from '../../errors.ts';
import { elementCount } from '../../tensor/dtype.ts';
import type { TensorEntry } from '../checkpoint.ts';
import { readFloat32 } from '../read-tensor.ts';
import type { Delta, Matrix } from './delta.ts';
import type { LoraPartName } from './key-styles.ts';
import type { LoraModule } from './lora-file.ts';
import type { LoraTarget } from './module-names.ts';

/** The change of one weight; its numbers are read when they are needed. */
export type LoraPatch = {
  /** The checkpoint and the tensor that it changes. */
  readonly checkpointId: string;
  readonly tensor: string;
  readonly load: (signal?: AbortSignal) => Promise<Delta>;
};

/** A matrix whose size is known and whose numbers are not read yet. */
type LazyMatrix = {
  readonly rows: number;
  readonly columns: number;
  readonly load: (signal: AbortSignal | undefined) => Promise<Matrix>;
};

/** A kind of change: the size it has (NaN where its parts do not fit each other), what it counts, and how its numbers come about. */
type Recipe = {
  readonly rows: number;
  readonly columns: number;
  /** Its rank, which alpha is divided by; undefined where alpha does not count. */
  readonly rank: number | undefined;
  readonly load: (signal: AbortSignal | undefined) => Promise<Delta['form']>;
};

type Parts = ReadonlyMap<LoraPartName, TensorEntry>;

/**
 * The changes that a file's module makes to a module of a model: of its weight, of its bias, or both.
 *
 * @throws EngineError `weights-mismatch` when they have not the weight's size, as those of another family of models,
 *   `model-malformed` when tensors are missing.
 */
export function patchesOf(file: string, module: LoraModule, target: LoraTarget): LoraPatch[] {
  const { tensors } = module;
  const patches: LoraPatch[] = [];
  const recipe = weightRecipe(file, module, tensors, kernelOf(target));
  if (recipe !== undefined) patches.push(patch(file, module, target, 'weight', recipe));
  const bias = tensors.get('diff_b') ?? tensors.get('b_norm');
  if (bias !== undefined) patches.push(patch(file, module, target, 'bias', whole(bias)));
  return patches;
}

/** Elements of a convolution's kernel; 1 for a linear layer. */
function kernelOf({ checkpoint, module }: LoraTarget): number {
  return elementCount(checkpoint.tensors.get(`${module}.weight`)?.shape.slice(2) ?? []);
}

function weightRecipe(
  file: string,
  module: LoraModule,
  parts: Parts,
  kernel: number,
): Recipe | undefined {
  const need = (name: LoraPartName): TensorEntry => {
    const entry = parts.get(name);
    if (entry !== undefined) return entry;
    const message = `${file} is incomplete: ${module.name} has no ${name} beside ${[...parts.keys()].join(', ')}`;
    throw new EngineError('model-malformed', message, {
      detail: { name: file, module: module.name },
    });
  };
  const plain = parts.get('diff') ?? parts.get('w_norm');
  if (plain !== undefined) return whole(plain);
  if (parts.has('down') || parts.has('up'))
    return lowRank(need('up'), need('down'), parts.get('mid'));
  if ([...parts.keys()].some((part) => part.startsWith('hada_'))) return hadamard(need, parts);
  if ([...parts.keys()].some((part) => part.startsWith('lokr_')))
    return kronecker(need, parts, kernel);
  const factors = parts.get('weight');
  if (factors !== undefined && module.isOnInput !== undefined) {
    return scaling(factors, module.isOnInput);
  }
  return undefined;
}

function whole(entry: TensorEntry): Recipe {
  const matrix = dense(entry);
  return {
    ...matrix,
    rank: undefined,
    load: async (signal) => ({ kind: 'matrix', matrix: await matrix.load(signal) }),
  };
}

function lowRank(up: TensorEntry, down: TensorEntry, mid: TensorEntry | undefined): Recipe {
  const matrix = mid === undefined ? product(up, down) : tucker(mid, up, down, false);
  const rank = down.shape[0] ?? 1;
  return {
    ...matrix,
    rank,
    load: async (signal) => ({ kind: 'matrix', matrix: await matrix.load(signal) }),
  };
}

function hadamard(need: (name: LoraPartName) => TensorEntry, parts: Parts): Recipe {
  const factor = (index: 1 | 2): LazyMatrix => {
    const [a, b] = [need(`hada_w${index}_a`), need(`hada_w${index}_b`)];
    const core = parts.get(`hada_t${index}`);
    return core === undefined ? product(a, b) : tucker(core, a, b, true);
  };
  const [first, second] = [factor(1), factor(2)];
  return {
    rows: first.rows === second.rows ? first.rows : NaN,
    columns: first.columns === second.columns ? first.columns : NaN,
    rank: need('hada_w1_b').shape[0],
    load: async (signal) => ({
      kind: 'hadamard',
      first: await first.load(signal),
      second: await second.load(signal),
    }),
  };
}

function kronecker(
  need: (name: LoraPartName) => TensorEntry,
  parts: Parts,
  kernel: number,
): Recipe {
  const factor = (index: 1 | 2): LazyMatrix => {
    const full = parts.get(`lokr_w${index}`);
    if (full !== undefined) return dense(full);
    const [a, b] = [need(`lokr_w${index}_a`), need(`lokr_w${index}_b`)];
    const core = index === 2 ? parts.get('lokr_t2') : undefined;
    return core === undefined ? product(a, b) : tucker(core, a, b, true);
  };
  const [first, second] = [factor(1), factor(2)];
  return {
    rows: first.rows * second.rows,
    columns: second.columns % kernel === 0 ? first.columns * second.columns : NaN,
    // Two full matrices have no rank: then alpha does not count.
    rank: (parts.get('lokr_w2_b') ?? parts.get('lokr_w1_b'))?.shape[0],
    load: async (signal) => ({
      kind: 'kronecker',
      first: await first.load(signal),
      second: await second.load(signal),
    }),
  };
}

/** IA3, whose size is that of the weight in one direction only. */
function scaling(entry: TensorEntry, isOnInput: boolean): Recipe {
  const count = elementCount(entry.shape);
  return {
    rows: isOnInput ? -1 : count,
    columns: isOnInput ? count : -1,
    rank: undefined,
    load: async (signal) => ({
      kind: 'scaling',
      factors: await readFloat32(entry, signal),
      isOnInput,
    }),
  };
}

function dense(entry: TensorEntry): LazyMatrix {
  const [rows = 1, ...rest] = entry.shape;
  const columns = elementCount(rest);
  return {
    rows,
    columns,
    load: async (signal) => ({
      kind: 'dense',
      rows,
      columns,
      values: await readFloat32(entry, signal),
    }),
  };
}

/** [rows, rank] · [rank, columns], the shapes of convolutions flattened; of size NaN where they do not fit each other. */
function product(a: TensorEntry, b: TensorEntry): LazyMatrix {
  const [rows = 1] = a.shape;
  const [rank = 1, ...rest] = b.shape;
  const columns = elementCount(a.shape) === rows * rank ? elementCount(rest) : NaN;
  return {
    rows,
    columns,
    load: async (signal) => ({
      kind: 'product',
      rows,
      columns,
      rank,
      left: await readFloat32(a, signal),
      right: await readFloat32(b, signal),
    }),
  };
}

/**
 * A kernel between two matrices: element (o, i, k) is the sum over n and m of core(n, m, k) · a(n, o) · b(m, i); `a` may lie the
 * other way round. Core and b are multiplied out when they are read, which makes it a product of the core's rank.
 */
function tucker(
  core: TensorEntry,
  a: TensorEntry,
  b: TensorEntry,
  isStoredByRank: boolean,
): LazyMatrix {
  const [n = 1, m = 1, ...kernelShape] = core.shape;
  const kernel = elementCount(kernelShape);
  const rows = elementCount(a.shape) / n;
  const inputs = elementCount(b.shape) / m;
  const isFitting = a.shape[isStoredByRank ? 0 : 1] === n && b.shape[0] === m;
  const columns = isFitting ? inputs * kernel : NaN;
  return {
    rows,
    columns,
    load: async (signal) => {
      const [cores, left, right] = [
        await readFloat32(core, signal),
        await readFloat32(a, signal),
        await readFloat32(b, signal),
      ];
      const joined = new Float32Array(n * columns);
      for (let at = 0; at < joined.length; at++) {
        const [row, i, k] = [
          Math.floor(at / columns),
          Math.floor((at % columns) / kernel),
          at % kernel,
        ];
        let sum = 0;
        for (let j = 0; j < m; j++) {
          sum += (cores[(row * m + j) * kernel + k] as number) * (right[j * inputs + i] as number);
        }
        joined[at] = sum;
      }
      return {
        kind: 'product',
        rows,
        columns,
        rank: n,
        left: isStoredByRank ? transposed(left, n, rows) : left,
        right: joined,
      };
    },
  };
}

function transposed(
  values: Float32Array<ArrayBuffer>,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number);
}

function patch(
  file: string,
  module: LoraModule,
  { checkpoint, module: path }: LoraTarget,
  kind: 'weight' | 'bias',
  recipe: Recipe,
): LoraPatch {
  const detail = { name: file, module: module.name };
  if (Number.isNaN(recipe.rows) || Number.isNaN(recipe.columns)) {
    const message = `${file} is damaged: the parts of ${module.name} do not fit each other`;
    throw new EngineError('model-malformed', message, { detail });
  }
  const tensor = `${path}.${kind}`;
  const entry = checkpoint.tensors.get(tensor);
  const [rows = 1, ...rest] = entry?.shape ?? [];
  const columns = elementCount(rest);
  const isFitting =
    (recipe.rows === rows && recipe.columns === columns) ||
    // A scaling has one side of the weight alone.
    (recipe.rows === rows && recipe.columns === -1) ||
    (recipe.rows === -1 && recipe.columns === rest[0]);
  if (entry === undefined || !isFitting) {
    const has = entry === undefined ? 'has none' : `has one of [${entry.shape.join(', ')}]`;
    throw new EngineError(
      'weights-mismatch',
      `the LoRA ${file} is for another family of models: ${module.name} changes a ${kind} of ${sizeText(recipe)}, and ${checkpoint.id} ${has} as ${tensor}`,
      { detail: { ...detail, tensor } },
    );
  }
  const { rank } = recipe;
  const usual =
    rank === undefined || module.alpha === undefined || module.alpha === 0
      ? 1
      : module.alpha / rank;
  const magnitude = kind === 'weight' ? magnitudeOf(file, module, entry.shape) : undefined;
  return {
    checkpointId: checkpoint.id,
    tensor,
    load: async (signal) => ({
      form: await recipe.load(signal),
      scale: module.scale ?? usual,
      magnitude: magnitude && {
        values: await readFloat32(magnitude.entry, signal),
        isOnInput: magnitude.isOnInput,
      },
    }),
  };
}

function sizeText({ rows, columns }: Recipe): string {
  const part = (value: number): string => (value === -1 ? 'any' : String(value));
  return `[${part(rows)}, ${part(columns)}]`;
}

/** DoRA's lengths, and whether they are those of columns: LyCORIS says so by their shape, PEFT has rows alone. */
function magnitudeOf(
  file: string,
  { name, tensors }: LoraModule,
  [rows = 1, inputs = 1]: readonly number[],
): { entry: TensorEntry; isOnInput: boolean } | undefined {
  const byRow = tensors.get('magnitude');
  const entry = byRow ?? tensors.get('dora_scale');
  if (entry === undefined) return undefined;
  const count = elementCount(entry.shape);
  const isOnInput =
    byRow === undefined && entry.shape.length > 1 && entry.shape[1] === count && count > 1;
  if (count === (isOnInput ? inputs : rows)) return { entry, isOnInput };
  throw new EngineError(
    'weights-mismatch',
    `the LoRA ${file} is for another family of models: ${name} has ${count} magnitudes for a weight of ${rows} rows and ${inputs} inputs`,
    { detail: { name: file, module: name } },
  );
}
