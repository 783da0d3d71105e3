/**
 * Small ONNX files as other exporters write them, whose numbers can be told by hand.
 */

import { encodeModel, type Initializer, type NodeProto } from '../../src/graph/proto.ts';
import { symbol, type Dim } from '../../src/graph/dim.ts';
import type { Dtype, FloatDtype } from '../../src/tensor/dtype.ts';
import { float32ToFloat16Array } from '../../src/tensor/float16.ts';
import { bufferSource } from '../../src/weights/byte-source.ts';
import { openOnnxFile, type OnnxFile } from '../../src/weights/onnx/onnx-file.ts';

/** An input or output of a file. */
export type ToyPort = readonly [name: string, dtype: Dtype, shape: readonly Dim[]];

const CODE = { float32: 1, int32: 6, int64: 7, bool: 9, uint8: 2, float16: 10 } as const;
const OPSET = 17;

/** A node of the standard operators with one result. */
export function node(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: NodeProto['attributes'] = {},
): NodeProto {
  return { op, domain: '', name: `make ${output}`, inputs, outputs: [output], attributes };
}

/** A Cast. */
function cast(input: string, output: string, dtype: Dtype): NodeProto {
  return node('Cast', [input], output, { to: CODE[dtype] });
}

/** A stored tensor. */
export function stored(
  name: string,
  dims: readonly number[],
  values: readonly number[],
  dtype: FloatDtype | 'int64' = 'float32',
): Initializer {
  const singles = Float32Array.from(values);
  const data =
    dtype === 'int64'
      ? BigInt64Array.from(values, BigInt)
      : dtype === 'float16'
        ? float32ToFloat16Array(singles)
        : singles;
  return { name, dtype, dims, content: { kind: 'inline', bytes: new Uint8Array(data.buffer) } };
}

/** The bytes of a file. */
export function onnxBytes(content: {
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly ToyPort[];
  readonly outputs: readonly ToyPort[];
  readonly initializers?: readonly Initializer[];
}): Uint8Array<ArrayBuffer> {
  const port = ([name, dtype, shape]: ToyPort) => ({ name, dtype, shape });
  return encodeModel({
    name: 'toy',
    nodes: content.nodes,
    inputs: content.inputs.map(port),
    outputs: content.outputs.map(port),
    initializers: content.initializers ?? [],
    opsets: { '': OPSET },
  });
}

/** Opens bytes as a file with nothing beside it. */
export function opened(bytes: Uint8Array, name = 'toy/model.onnx'): Promise<OnnxFile> {
  return openOnnxFile(name, bufferSource(bytes, name), {
    beside: (location) => Promise.reject(new Error(`nothing is at ${location}`)),
  });
}

/** Pictures of a batch, and their height and width, where a file leaves them open. */
export const B = symbol('batch');
/** See {@link B}. */
export const H = symbol('height');
/** See {@link B}. */
export const W = symbol('width');
const T = symbol('sequence');

/** What differs between exports of {@link toyUNet}. */
export type ToyUNetOptions = {
  readonly names?: {
    readonly sample?: string;
    readonly timestep?: string;
    readonly context?: string;
    readonly out?: string;
  };
  readonly float?: FloatDtype;
  readonly timestep?: { readonly dtype: Dtype; readonly shape: readonly Dim[] };
  /** Latents [batch, channels, height, width]; default open but for 4 channels. */
  readonly sample?: readonly Dim[];
  readonly channels?: number;
  /** Numbers of a text state; default 3. */
  readonly contextWidth?: number;
  readonly moreInputs?: readonly ToyPort[];
  /** Whether the timestep is added up in its own format before it is cast. */
  readonly doublesTimestep?: boolean;
};

/**
 * A UNet whose answer is twice the first four channels of the sample, plus the timestep, plus the sum of each row's text
 * states, plus the sums of further inputs [batch, N].
 */
export function toyUNet(options: ToyUNetOptions = {}): Uint8Array<ArrayBuffer> {
  const { names = {}, float = 'float32', channels = 4, moreInputs = [] } = options;
  const { timestep = { dtype: 'int64', shape: [1] }, doublesTimestep = false } = options;
  const { sample = [B, channels, H, W], contextWidth = 3 } = options;
  const { sample: x = 'sample', timestep: t = 'timestep' } = names;
  const { context: c = 'encoder_hidden_states', out = 'out_sample' } = names;
  const kernel = Array.from({ length: 4 * channels }, (_, i) =>
    i % channels === Math.floor(i / channels) ? 2 : 0,
  );
  const sums = moreInputs.flatMap(([name], i) => [
    node('ReduceSum', [name, 'last'], `sum ${i}`, { keepdims: 1 }),
    node('Reshape', [`sum ${i}`, 'as pictures'], `more ${i}`),
  ]);
  const terms = ['time', 'text', ...moreInputs.map((_, i) => `more ${i}`)];
  const whole = doublesTimestep ? [node('Add', [t, t], 'whole')] : [];
  return onnxBytes({
    nodes: [
      node('Conv', [x, 'kernel'], 'doubled'),
      ...whole,
      cast(doublesTimestep ? 'whole' : t, 'float time', float),
      node('Reshape', ['float time', 'as pictures'], 'time'),
      node('ReduceSum', [c, 'last two'], 'sum', { keepdims: 1 }),
      node('Reshape', ['sum', 'as pictures'], 'text'),
      ...sums,
      ...terms.map((term, i) =>
        node(
          'Add',
          [i === 0 ? 'doubled' : `with ${i - 1}`, term],
          i === terms.length - 1 ? out : `with ${i}`,
        ),
      ),
    ],
    inputs: [
      [x, float, sample],
      [t, timestep.dtype, timestep.shape],
      [c, float, [sample[0] ?? B, T, contextWidth]],
      ...moreInputs,
    ],
    outputs: [[out, float, [sample[0] ?? B, 4, sample[2] ?? H, sample[3] ?? W]]],
    initializers: [
      stored('kernel', [4, channels, 1, 1], kernel, float),
      stored('as pictures', [4], [-1, 1, 1, 1], 'int64'),
      stored('last', [1], [-1], 'int64'),
      stored('last two', [2], [1, 2], 'int64'),
    ],
  });
}

/** What differs between exports of {@link toyTextEncoder}. */
export type ToyTextOptions = {
  /** Names of outputs, of those that it can give; default all. */
  readonly outputs?: readonly string[];
  readonly ids?: Dtype;
  readonly tokens?: Dim;
  readonly hasMask?: boolean;
};

/** Numbers of a hidden state of {@link toyTextEncoder}. */
export const TOY_WIDTH = 16;

/**
 * A text encoder whose hidden state n has id·(n + 1) + position in the state, whose last state is state 2 after a norm with
 * weights 2 and biases 1, and whose pooled texts are the first ids: as they are, and times 3 when projected.
 */
export function toyTextEncoder(options: ToyTextOptions = {}): Uint8Array<ArrayBuffer> {
  const { ids = 'int64', tokens = T, hasMask = false } = options;
  const states = [0, 1, 2].map((n) => `hidden_states.${n}`);
  const all = ['last_hidden_state', 'pooler_output', 'text_embeds', ...states];
  const { outputs = all } = options;
  const width = TOY_WIDTH;
  const row = (of: (i: number) => number): number[] =>
    Array.from({ length: width }, (_, i) => of(i));
  const masked = hasMask
    ? [cast('attention_mask', 'mask', 'float32'), node('Mul', ['number', 'mask'], 'counted')]
    : [node('Identity', ['number'], 'counted')];
  return onnxBytes({
    nodes: [
      cast('input_ids', 'number', 'float32'),
      ...masked,
      node('Unsqueeze', ['counted', 'last'], 'column'),
      ...states.flatMap((state, n) => [
        node('Mul', ['column', `times ${n}`], `scaled ${n}`),
        node('Add', [`scaled ${n}`, 'positions'], state),
      ]),
      node(
        'LayerNormalization',
        [states[2] ?? '', 'text_model.final_layer_norm.weight', 'text_model.final_layer_norm.bias'],
        'last_hidden_state',
        { axis: -1, epsilon: { float: 1e-5 } },
      ),
      node('Gather', ['counted', 'first'], 'pooled', { axis: 1 }),
      node('Identity', ['pooled'], 'pooler_output'),
      node('Mul', ['pooled', 'three'], 'text_embeds'),
    ],
    inputs: [
      ['input_ids', ids, [B, tokens]],
      ...(hasMask ? [['attention_mask', ids, [B, tokens]] as const] : []),
    ],
    outputs: outputs.map((name) => [
      name,
      'float32',
      name.includes('hidden') ? [B, tokens, width] : [B, 1],
    ]),
    initializers: [
      ...[0, 1, 2].map((n) =>
        stored(
          `times ${n}`,
          [width],
          row(() => n + 1),
        ),
      ),
      stored(
        'positions',
        [width],
        row((i) => i),
      ),
      stored(
        'text_model.final_layer_norm.weight',
        [width],
        row(() => 2),
      ),
      stored(
        'text_model.final_layer_norm.bias',
        [width],
        row(() => 1),
      ),
      stored('three', [1], [3]),
      stored('last', [1], [-1], 'int64'),
      stored('first', [1], [0], 'int64'),
    ],
  });
}

/** A decoder that shows the first three latent channels, each latent pixel as 8x8 pixels. */
export function toyDecoder(input = 'latent_sample', output = 'sample'): Uint8Array<ArrayBuffer> {
  const kernel = Array.from({ length: 3 * 4 * 64 }, (_, i) => {
    const [from, to] = [Math.floor(i / (3 * 64)), Math.floor(i / 64) % 3];
    return from === to ? 1 : 0;
  });
  return onnxBytes({
    nodes: [
      node('ConvTranspose', [input, 'kernel'], output, { strides: [8, 8], kernel_shape: [8, 8] }),
    ],
    inputs: [[input, 'float32', [B, 4, H, W]]],
    outputs: [[output, 'float32', [B, 3, symbol('rows'), symbol('columns')]]],
    initializers: [stored('kernel', [4, 3, 8, 8], kernel)],
  });
}

/**
 * An encoder to four latent channels: means of 8x8 pixels of red, green, blue and red; in moments 0 behind them, the
 * logarithm of a variance of 1.
 */
export function toyEncoder(
  output: string,
  { moments, fixesChannels = true }: { moments: boolean; fixesChannels?: boolean },
): Uint8Array<ArrayBuffer> {
  const channels = moments ? 8 : 4;
  const kernel = Array.from({ length: channels * 3 * 64 }, (_, i) => {
    const [to, from] = [Math.floor(i / (3 * 64)), Math.floor(i / 64) % 3];
    return to < 4 && to % 3 === from ? 1 / 64 : 0;
  });
  return onnxBytes({
    nodes: [node('Conv', ['sample', 'kernel'], output, { strides: [8, 8], kernel_shape: [8, 8] })],
    inputs: [['sample', 'float32', [B, 3, H, W]]],
    outputs: [
      [
        output,
        'float32',
        [B, fixesChannels ? channels : symbol('channels'), symbol('rows'), symbol('columns')],
      ],
    ],
    initializers: [stored('kernel', [channels, 3, 8, 8], kernel)],
  });
}
