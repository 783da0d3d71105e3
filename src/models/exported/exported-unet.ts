/**
 * A UNet that somebody else exported.
 */

import { EngineError } from '../../errors.ts';
import type { ExportedInput, GivenPort } from '../../graph/exported-graph.ts';
import { symbol, type Dim } from '../../graph/dim.ts';
import { ONNX_DATA_TYPE } from '../../graph/proto.ts';
import { ConfigReader, type JsonConfig } from '../../networks/config.ts';
import type { RunTensor } from '../../runtime/backend.ts';
import type { Runtime, StageRunOptions } from '../../runtime/runtime.ts';
import type { OnnxFile, OnnxPort } from '../../weights/onnx/onnx-file.ts';
import type { UNetNetwork } from '../model-networks.ts';
import type { UNetInputs } from '../network-inputs.ts';
import { ExportedNetwork } from './exported-network.ts';
import { ExportedPorts, fixedDim } from './exported-ports.ts';

const SAMPLE = ['sample', 'latent_sample', 'latents', 'latent_model_input'] as const;
const TIMESTEP = ['timestep', 'timesteps', 't'] as const;
const CONTEXT = ['encoder_hidden_states', 'prompt_embeds', 'text_embeddings', 'text_embeds'] as const;
const GUIDANCE = ['timestep_cond'] as const;
const POOLED = ['text_embeds'] as const;
const SIZES = ['time_ids'] as const;
const PREDICTED = ['out_sample', 'noise_pred', 'noise_prediction', 'sample'] as const;

/** What our own graphs call the prediction. */
const OUT_SAMPLE = 'out_sample';
const SIZE_COUNT = 6;
/** Edges in latent pixels that most models of a family were trained on. */
const SAMPLE_SIZE = { sd: 64, xl: 128 } as const;

/** Channels of the latents and of what an inpainting model sees behind them; how the sample is put together. */
type Variant = { readonly extraChannels: number };

/** Operators that move numbers of any format. */
const MOVES: readonly string[] = [
  'Expand',
  'Flatten',
  'Identity',
  'Reshape',
  'Squeeze',
  'Tile',
  'Unsqueeze',
];

/**
 * Whether a number that enters the graph is moved about and then cast, no more: it may then enter in any format. Exporters
 * declare timesteps to be whole numbers, and some samplers stop between them.
 */
function isOnlyCast({ nodes, outputs }: OnnxFile, input: string): boolean {
  const reached = [input];
  for (const name of reached) {
    if (outputs.some((port) => port.name === name)) return false;
    for (const node of nodes) {
      if (!node.inputs.includes(name) || node.op === 'Shape' || node.op === 'Cast') continue;
      if (!MOVES.includes(node.op) || node.inputs.lastIndexOf(name) > 0) return false;
      reached.push(...node.outputs);
    }
  }
  return true;
}

/** See the file's header. */
export class ExportedUNet implements UNetNetwork {
  readonly config: UNetNetwork['config'];
  readonly trunk = undefined;
  readonly sampleSize: number;
  readonly #file: OnnxFile;
  readonly #network: ExportedNetwork<Variant>;
  readonly #output: string;
  readonly #hasGuidance: boolean;
  /** Whether each row of the batch has a timestep of its own. */
  readonly #isTimestepEach: boolean;

  /**
   * @param json its config.json; empty where there is none.
   * @throws EngineError `unsupported` when it lacks an input or output, or has inputs that are not known.
   */
  constructor(runtime: Runtime, json: JsonConfig, file: OnnxFile) {
    const ports = new ExportedPorts(file);
    const config = new ConfigReader(`the config of ${file.name}`, json);
    const sample = ports.neededInput(SAMPLE, 4);
    const timestep = ports.input(TIMESTEP, 0) ?? ports.neededInput(TIMESTEP, 1);
    const context = ports.neededInput(CONTEXT, 3);
    const guidance = ports.input(GUIDANCE, 2);
    const pooled = ports.input(POOLED, 2);
    const sizes = ports.input(SIZES, 2);
    ports.refuseOthers();
    const predicted = ports.neededOutput(PREDICTED, 4);
    const inChannels = fixedDim(sample, 1) ?? config.number('in_channels', 4);
    const isXl = pooled !== undefined && sizes !== undefined;
    this.#file = file;
    this.#output = predicted.name;
    this.#hasGuidance = guidance !== undefined;
    this.#isTimestepEach = timestep.dims.length === 1 && timestep.dims[0] === sample.dims[0];
    this.sampleSize =
      fixedDim(sample, 2) ??
      config.optionalNumber('sample_size') ??
      SAMPLE_SIZE[isXl ? 'xl' : 'sd'];
    this.config = {
      inChannels,
      guidanceWidth:
        guidance && (fixedDim(guidance, 1) ?? config.number('time_cond_proj_dim', 256)),
      added: isXl ? { textWidth: fixedDim(pooled, 1) ?? 1280 } : undefined,
    };
    const batch = fixedDim(sample, 0) ?? symbol('B');
    const [height, width] = [fixedDim(sample, 2) ?? symbol('H'), fixedDim(sample, 3) ?? symbol('W')];
    const picture = (name: string, channels: Dim): GivenPort => {
      return { name, shape: [batch, channels, height, width], role: 'image' };
    };
    const plain = (port: OnnxPort, name: string, ...rest: Dim[]): ExportedInput => {
      const { name: own, type } = port;
      return { name: own, type, given: [{ name, shape: [batch, ...rest], role: 'plain' }] };
    };
    const inner = (port: OnnxPort, axis: number, name: string): Dim =>
      fixedDim(port, axis) ?? symbol(name);
    const timeBatch = this.#isTimestepEach ? batch : 1;
    const others: ExportedInput[] = [
      {
        name: timestep.name,
        type: isOnlyCast(file, timestep.name) ? ONNX_DATA_TYPE.float32 : timestep.type,
        given: [{ name: 'timestep', shape: [timeBatch], role: 'plain' }],
        isScalar: timestep.dims.length === 0,
      },
      plain(context, 'context', inner(context, 1, 'T'), inner(context, 2, 'C')),
      ...(guidance === undefined ? [] : [plain(guidance, 'guidance', inner(guidance, 1, 'G'))]),
      ...(pooled === undefined ? [] : [plain(pooled, 'pooled', inner(pooled, 1, 'P'))]),
      ...(sizes === undefined ? [] : [plain(sizes, 'sizes', SIZE_COUNT)]),
    ];
    this.#network = new ExportedNetwork(runtime, {
      name: 'UNet',
      file,
      interfaceOf: ({ extraChannels }) => ({
        inputs: [
          {
            name: sample.name,
            type: sample.type,
            given:
              extraChannels === 0
                ? [picture('sample', inChannels)]
                : [picture('sample', inChannels - extraChannels), picture('extra', extraChannels)],
          },
          ...others,
        ],
        outputs: [
          {
            ...picture(predicted.name, fixedDim(predicted, 1) ?? config.number('out_channels', 4)),
            type: predicted.type,
          },
        ],
      }),
    });
  }

  get checkpointIds(): readonly string[] {
    return [this.#file.checkpoint.id];
  }

  /**
   * See {@link UNetNetwork.predict}.
   *
   * @throws EngineError `unsupported` for ControlNets, and for sizes other than those it was exported for.
   */
  async predict(inputs: UNetInputs, options: StageRunOptions = {}): Promise<RunTensor> {
    const { sample, extra, control = [], context, added, timestepCond, timesteps } = inputs;
    if (control.length > 0) throw this.#refused();
    const [batch = 1] = sample.dims;
    const each = Array.from({ length: batch }, (_, i) => timesteps[i] ?? timesteps[0] ?? 0);
    const isAlike = each.every((timestep) => timestep === each[0]);
    const times = this.#isTimestepEach || !isAlike ? each : each.slice(0, 1);
    const given: Record<string, RunTensor> = {
      sample,
      timestep: { dims: [times.length], data: Float32Array.from(times) },
      context,
    };
    if (extra !== undefined) given['extra'] = extra;
    if (this.#hasGuidance && timestepCond !== undefined) given['guidance'] = timestepCond;
    if (added !== undefined) {
      given['pooled'] = added.textEmbeds;
      given['sizes'] = { dims: [batch, SIZE_COUNT], data: Float32Array.from(added.timeIds) };
    }
    const keepOnDevice = (options.keepOnDevice ?? []).map((name) =>
      name === OUT_SAMPLE ? this.#output : name,
    );
    const results = await this.#network.run(
      { extraChannels: extra?.dims[1] ?? 0 },
      given,
      { ...options, keepOnDevice },
      this.#isTimestepEach || isAlike ? Infinity : 1,
    );
    return results[this.#output] as RunTensor;
  }

  #refused(): EngineError {
    return new EngineError(
      'unsupported',
      `${this.#file.name} is an exported graph without inputs for ControlNets; a model of safetensors files takes them`,
      { detail: { name: this.#file.name, feature: 'ControlNet' } },
    );
  }
}
