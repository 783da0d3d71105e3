/**
 * The change that a LoRA makes to rows of a weight, on the GPU: from the small matrices of the file, in float32.
 *
 * Follows src/weights/lora/delta.ts, form by form; a shader is put together of what a form needs. An invocation computes one
 * element of the change and adds it to the weight. DoRA, which brings rows to lengths of its own, takes a kernel more.
 */

import type { Delta, Matrix } from '../../../weights/lora/delta.ts';
import { LazyBuffer } from '../allocate.ts';
import { BUFFER_USAGE } from '../flags.ts';
import { cachedPipeline, LINEAR_INDEX, submitPass } from './pipelines.ts';

/** A change of rows of a weight. */
export type RowsChange = {
  readonly delta: Delta;
  readonly strength: number;
  /** The rows, of `columns` elements each: inputs times the elements of a kernel. */
  readonly firstRow: number;
  readonly rows: number;
  readonly columns: number;
  readonly kernel: number;
};

/** A range of rows. */
export type Rows = Pick<RowsChange, 'firstRow' | 'rows'>;

const STRUCT = /* wgsl */ `
struct Change {
  first_row: u32, rows: u32, columns: u32, kernel: u32,
  first_rank: u32, first_columns: u32, second_rank: u32, second_columns: u32,
  second_rows: u32, scale: f32, strength: f32,
}
@group(0) @binding(0) var<uniform> change: Change;
@group(0) @binding(1) var<storage, read_write> weight: array<f32>;
`;
const STRUCT_BYTES = 48;

const APPLY = /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) invocation: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = linear_index(invocation, groups);
  if (i >= change.rows * change.columns) { return; }
  let row = i / change.columns;
  let column = i % change.columns;
  let before = weight[i];
  weight[i] = changed(before, change.scale * added(before, row, column), row);
}
`;

/** Without DoRA the scale is 1 and the strength all that the change counts. */
const PLAIN = /* wgsl */ `
fn changed(before: f32, addition: f32, row: u32) -> f32 {
  return before + change.strength * addition;
}
`;

const STRETCHED = /* wgsl */ `
fn changed(before: f32, addition: f32, row: u32) -> f32 {
  return before + change.strength * ((before + addition) * lengths[row] - before);
}
`;

/** From the length that each row is to have to what it is multiplied by; a workgroup sums one row. */
const STRETCH = /* wgsl */ `
var<workgroup> parts: array<f32, 64>;
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) part: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= change.rows) { return; }
  var sum = 0.0;
  for (var column = part; column < change.columns; column += 64u) {
    let before = weight[row * change.columns + column];
    let value = before + change.scale * added(before, row, column);
    sum += value * value;
  }
  parts[part] = sum;
  workgroupBarrier();
  if (part != 0u) { return; }
  for (var i = 1u; i < 64u; i++) { sum += parts[i]; }
  lengths[row] /= sqrt(sum) + 0x1p-23;
}
`;

/** Changes rows of weights on one device. Owns a small uniform buffer. */
export class RowChanger {
  readonly #device: GPUDevice;
  readonly #uniform: LazyBuffer;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#uniform = new LazyBuffer(device, {
      label: 'change/rows',
      size: STRUCT_BYTES,
      usage: BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST,
    });
  }

  /** Compiles what a change needs, the first time; the result submits it. */
  async prepare(change: Pick<RowsChange, 'delta'>): Promise<PreparedChange> {
    const { delta } = change;
    const { code, key } = shaderOf(delta);
    const pipelineOf = (name: string, body: string): Promise<GPUComputePipeline> =>
      cachedPipeline(this.#device, `change/${name}/${key}`, () => ({ code: code + body }));
    const isStretched = delta.magnitude !== undefined;
    const apply = await pipelineOf('apply', (isStretched ? STRETCHED : PLAIN) + APPLY);
    const stretch = isStretched ? await pipelineOf('stretch', STRETCH) : undefined;
    const uniform = await this.#uniform.get();
    return (rows, weight, factors) => {
      // Queue operations keep their order, so that one uniform buffer serves all dispatches.
      this.#device.queue.writeBuffer(uniform, 0, structOf(rows));
      const resources = [uniform, weight, ...factors].map((buffer) => ({ buffer }));
      if (stretch !== undefined) submitPass(this.#device, stretch, resources, rows.rows * 64);
      submitPass(this.#device, apply, resources, rows.rows * rows.columns);
    };
  }

  /** Frees the uniform buffer. */
  dispose(): void {
    this.#uniform.destroy();
  }
}

/** Submits a change of the rows in `weight`, given the buffers of {@link factorsOf} these rows. DoRA changes the last of them. */
export type PreparedChange = (
  change: RowsChange,
  weight: GPUBuffer,
  factors: readonly GPUBuffer[],
) => void;

/**
 * Whether a change can be computed by rows. DoRA over inputs cannot: its lengths are of columns, which take the whole weight.
 */
export function isByRows({ magnitude }: Delta): boolean {
  return magnitude === undefined || !magnitude.isOnInput;
}

/** The numbers that the kernels need of a change for some rows, in the order of their buffers. */
export function factorsOf(delta: Delta, rows: Rows): Float32Array<ArrayBuffer>[] {
  const { form, magnitude } = delta;
  const lengths = magnitude === undefined ? [] : [part(magnitude.values, 1, rows)];
  switch (form.kind) {
    case 'matrix':
      return [...matrixRows(form.matrix, rows), ...lengths];
    case 'hadamard':
      return [...matrixRows(form.first, rows), ...matrixRows(form.second, rows), ...lengths];
    case 'kronecker':
      return [...matrixRows(form.first), ...matrixRows(form.second), ...lengths];
    case 'scaling':
      return [form.isOnInput ? form.factors : part(form.factors, 1, rows), ...lengths];
  }
}

/** A matrix' numbers; of what lies row by row, those of some rows. */
function matrixRows(matrix: Matrix, rows?: Rows): Float32Array<ArrayBuffer>[] {
  const range = rows ?? { firstRow: 0, rows: matrix.rows };
  return matrix.kind === 'dense'
    ? [part(matrix.values, matrix.columns, range)]
    : [part(matrix.left, matrix.rank, range), matrix.right];
}

function part(
  values: Float32Array<ArrayBuffer>,
  columns: number,
  { firstRow, rows }: Rows,
): Float32Array<ArrayBuffer> {
  return values.subarray(firstRow * columns, (firstRow + rows) * columns);
}

/** The matrices of a form, the first and the second. */
function matricesOf({ form }: Delta): Matrix[] {
  if (form.kind === 'matrix') return [form.matrix];
  return form.kind === 'scaling' ? [] : [form.first, form.second];
}

function structOf(change: RowsChange): ArrayBuffer {
  const { delta, strength, firstRow, rows, columns, kernel } = change;
  const [first, second] = matricesOf(delta);
  const isStretched = delta.magnitude !== undefined;
  const struct = new ArrayBuffer(STRUCT_BYTES);
  new Uint32Array(struct).set([
    firstRow,
    rows,
    columns,
    kernel,
    rankOf(first),
    first?.columns ?? 0,
    rankOf(second),
    second?.columns ?? 0,
    second?.rows ?? 0,
  ]);
  // One product less where nothing stands between them.
  const [scale, factor] = isStretched ? [delta.scale, strength] : [1, strength * delta.scale];
  new Float32Array(struct).set([scale, factor], 9);
  return struct;
}

function rankOf(matrix: Matrix | undefined): number {
  return matrix?.kind === 'product' ? matrix.rank : 0;
}

/** WGSL up to the function `added(before, row, column)`, the element of a form in a row of the chunk. */
function shaderOf(delta: Delta): { key: string; code: string } {
  const { form, magnitude } = delta;
  const bindings: string[] = [];
  const bind = (name: string, access = 'read'): void => {
    const binding = bindings.length + 2;
    bindings.push(`@group(0) @binding(${binding}) var<storage, ${access}> ${name}: array<f32>;\n`);
  };
  const matrices = matricesOf(delta);
  const functions = matrices.map((matrix, i) =>
    element(matrix, i === 0 ? 'first' : 'second', bind),
  );
  if (form.kind === 'scaling') bind('factors');
  if (magnitude !== undefined) bind('lengths', 'read_write');
  const isOnInput = form.kind === 'scaling' && form.isOnInput;
  const added = ADDED[isOnInput ? 'inputScaling' : form.kind];
  const code = [STRUCT, ...bindings, LINEAR_INDEX, ...functions, added].join('');
  const kinds = matrices.map(({ kind }) => kind);
  const key = [form.kind, ...kinds, isOnInput, magnitude !== undefined].join('-');
  return { key, code };
}

const ADDED = {
  matrix: /* wgsl */ `
fn added(before: f32, row: u32, column: u32) -> f32 { return first(row, column); }
`,
  hadamard: /* wgsl */ `
fn added(before: f32, row: u32, column: u32) -> f32 {
  return first(row, column) * second(row, column);
}
`,
  kronecker: /* wgsl */ `
fn added(before: f32, row: u32, column: u32) -> f32 {
  let whole_row = change.first_row + row;
  let input = column / change.kernel;
  let inner = change.second_columns / change.kernel;
  let place = (input % inner) * change.kernel + column % change.kernel;
  return first(whole_row / change.second_rows, input / inner)
    * second(whole_row % change.second_rows, place);
}
`,
  scaling: /* wgsl */ `
fn added(before: f32, row: u32, column: u32) -> f32 { return before * factors[row]; }
`,
  inputScaling: /* wgsl */ `
fn added(before: f32, row: u32, column: u32) -> f32 {
  return before * factors[column / change.kernel];
}
`,
} as const;

/** WGSL: a function `name(row, column)` over a matrix. */
function element(matrix: Matrix, name: string, bind: (name: string) => void): string {
  if (matrix.kind === 'dense') {
    bind(`${name}_values`);
    return /* wgsl */ `
fn ${name}(row: u32, column: u32) -> f32 {
  return ${name}_values[row * change.${name}_columns + column];
}
`;
  }
  bind(`${name}_left`);
  bind(`${name}_right`);
  return /* wgsl */ `
fn ${name}(row: u32, column: u32) -> f32 {
  var sum = 0.0;
  for (var r = 0u; r < change.${name}_rank; r++) {
    sum += ${name}_left[row * change.${name}_rank + r] * ${name}_right[r * change.${name}_columns + column];
  }
  return sum;
}
`;
}
