/**
 * A text encoder that somebody else exported.
 *
 * What its graph gives is what can be had: layers to stop at where it has `hidden_states.N` among its outputs, and no words
 * with vectors of their own, for the table of tokens is inside.
 */

import { EngineError } from '../../errors.ts';
import type { ExportedInput, ExportedOutput } from '../../graph/exported-graph.ts';
import { symbol } from '../../graph/dim.ts';
import type { ClipOutput } from '../../networks/clip-text.ts';
import { ConfigReader, type JsonConfig } from '../../networks/config.ts';
import type { RunTensor } from '../../runtime/backend.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { HostTensor } from '../../tensor/host-tensor.ts';
import { laidOut } from '../../weights/lay-out.ts';
import type { OnnxFile, OnnxPort } from '../../weights/onnx/onnx-file.ts';
import type { TextNetwork } from '../model-networks.ts';
import type { EncodeOptions } from '../network-inputs.ts';
import { ExportedNetwork } from './exported-network.ts';
import { ExportedPorts, fixedDim } from './exported-ports.ts';

const IDS = ['input_ids', 'tokens', 'text_input_ids'] as const;
const MASK = ['attention_mask'] as const;
const LAST = ['last_hidden_state', 'text_embeddings'] as const;
const POOLED = ['pooler_output', 'pooled_output'] as const;
const PROJECTED = ['text_embeds'] as const;
const HIDDEN = /^hidden_states?[._](\d+)$/;
const FINAL_NORM = /(^|[./])final_layer_norm\.(weight|bias)$/;

/** See the file's header. */
export class ExportedTextEncoder implements TextNetwork {
  readonly config: TextNetwork['config'];
  readonly #file: OnnxFile;
  readonly #network: ExportedNetwork<readonly string[]>;
  readonly #hasMask: boolean;
  readonly #eps: number;
  readonly #last: OnnxPort | undefined;
  readonly #pooled: OnnxPort | undefined;
  readonly #projected: OnnxPort | undefined;
  /** Hidden states by number; 0 is the embedding. */
  readonly #hidden: ReadonlyMap<number, OnnxPort>;

  /**
   * @param json its config.json; empty where there is none.
   * @throws EngineError `unsupported` when it lacks an input or output, or has inputs that are not known.
   */
  constructor(runtime: Runtime, json: JsonConfig, file: OnnxFile) {
    const ports = new ExportedPorts(file);
    const config = new ConfigReader(`the config of ${file.name}`, json);
    const ids = ports.neededInput(IDS, 2);
    const mask = ports.input(MASK, 2);
    ports.refuseOthers();
    this.#file = file;
    this.#hidden = new Map(
      file.outputs.flatMap((port): [number, OnnxPort][] => {
        const number = HIDDEN.exec(port.name)?.[1];
        return number === undefined ? [] : [[Number(number), port]];
      }),
    );
    this.#last = ports.output(LAST, 3);
    this.#pooled = ports.output(POOLED, 2);
    this.#projected = ports.output(PROJECTED, 2);
    this.#hasMask = mask !== undefined;
    this.#eps = config.number('layer_norm_eps', 1e-5);
    const state = this.#last ?? [...this.#hidden.values()][0];
    this.config = {
      vocabulary: config.number('vocab_size', 49408),
      width: (state && fixedDim(state, 2)) ?? config.number('hidden_size', 768),
      layers: config.number('num_hidden_layers', 12),
      hasProjection: this.#projected !== undefined,
    };
    const batch = fixedDim(ids, 0) ?? symbol('B');
    const tokens = fixedDim(ids, 1) ?? symbol('T');
    const input = (port: OnnxPort, name: string): ExportedInput => ({
      name: port.name,
      type: port.type,
      given: [{ name, shape: [batch, tokens], role: 'plain' }],
    });
    const output = (name: string): ExportedOutput => {
      const port = file.outputs.find((each) => each.name === name) as OnnxPort;
      const width = fixedDim(port, port.dims.length - 1) ?? symbol('C');
      const shape = port.dims.length === 3 ? [batch, tokens, width] : [batch, width];
      return { name, type: port.type, shape, role: 'plain' };
    };
    this.#network = new ExportedNetwork(runtime, {
      name: 'text encoder',
      file,
      interfaceOf: (names) => ({
        inputs: [input(ids, 'ids'), ...(mask === undefined ? [] : [input(mask, 'mask')])],
        outputs: names.map(output),
      }),
    });
  }

  get checkpointIds(): readonly string[] {
    return [this.#file.checkpoint.id];
  }

  /**
   * See {@link TextNetwork.encode}.
   *
   * @throws EngineError `unsupported` for a layer or a vector that the export does not give, and for embeddings.
   */
  async encode(
    ids: ArrayLike<number>,
    tokens: number,
    outputs: readonly ClipOutput[],
    { extraEmbeddings, ...options }: EncodeOptions = {},
  ): Promise<Record<string, RunTensor>> {
    if (extraEmbeddings !== undefined) throw this.#refused('embeddings (textual inversion)', '');
    const wanted = outputs.map((output) => ({ output, port: this.#portOf(output) }));
    const names = [...new Set(wanted.map(({ port }) => port.name))];
    const dims = [ids.length / tokens, tokens];
    const given = {
      ids: { dims, data: Float32Array.from(ids) },
      ...(this.#hasMask ? { mask: { dims, data: new Float32Array(ids.length).fill(1) } } : {}),
    };
    const results = await this.#network.run(names, given, options);
    const states = wanted.map(async ({ output, port }): Promise<[string, RunTensor]> => {
      const state = results[port.name] as HostTensor;
      const isRaw = output.kind === 'hidden' && output.normed && port !== this.#last;
      return [output.name, isRaw ? await this.#normed(state, options.signal) : state];
    });
    return Object.fromEntries(await Promise.all(states));
  }

  #portOf(output: ClipOutput): OnnxPort {
    if (output.kind === 'pooled') {
      const found = output.projected ? this.#projected : this.#pooled;
      if (found === undefined)
        throw this.#refused('a pooled text', (output.projected ? PROJECTED : POOLED).join(' or '));
      return found;
    }
    const { layer, normed } = output;
    if (layer === -1 && normed && this.#last !== undefined) return this.#last;
    const count = Math.max(-1, ...this.#hidden.keys()) + 1;
    const number = layer < 0 ? count + layer : layer;
    const found = this.#hidden.get(number);
    if (found !== undefined) return found;
    if (layer === -1 && normed) throw this.#refused('the last hidden state', LAST.join(' or '));
    const what = normed ? 'clip skip' : `its hidden state ${layer}`;
    throw this.#refused(what, 'hidden_states.N for each layer');
  }

  /** A hidden state after the encoder's last norm, which is part of the last state alone. */
  async #normed({ dims, data }: HostTensor, signal?: AbortSignal): Promise<HostTensor> {
    const entries = [...this.#file.checkpoint.tensors.values()];
    const read = async (kind: string): Promise<Float32Array> => {
      const entry = entries.find(({ name }) => FINAL_NORM.exec(name)?.[2] === kind);
      if (entry === undefined) throw this.#refused('clip skip', 'final_layer_norm.weight and .bias');
      const [bytes] = await laidOut(entry, { dtype: 'float32', layout: 'stored', signal });
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    };
    const [weight, bias] = [await read('weight'), await read('bias')];
    const width = weight.length;
    const result = new Float32Array(data.length);
    for (let row = 0; row < data.length; row += width) {
      const x = data.subarray(row, row + width);
      const mean = x.reduce((sum, value) => sum + value, 0) / width;
      const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
      const scale = 1 / Math.sqrt(variance + this.#eps);
      for (let i = 0; i < width; i++) {
        const normal = ((x[i] as number) - mean) * scale;
        result[row + i] = normal * (weight[i] as number) + (bias[i] as number);
      }
    }
    return { dims, data: result };
  }

  #refused(feature: string, needed: string): EngineError {
    const why = needed === '' ? '' : `: it has no ${needed}`;
    return new EngineError(
      'unsupported',
      `${this.#file.name} is an exported graph that does not offer ${feature}${why}; a model of safetensors files does`,
      { detail: { name: this.#file.name, feature } },
    );
  }
}
