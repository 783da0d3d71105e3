/**
 * A UNet ready to run: latents, timestep and conditions in, the model's prediction out.
 */

import { ConfigReader, type JsonConfig } from '../networks/config.ts';
import {
  sizeMultiple,
  parseUNetConfig,
  type TrunkConfig,
  type UNetConfig,
} from '../networks/unet-config.ts';
import { addedConditions, timeProjection } from '../networks/unet-inputs.ts';
import { unetGraph } from '../networks/unet.ts';
import { isDeviceTensor, type RunTensor } from '../runtime/backend.ts';
import type { Runtime, StageRunOptions } from '../runtime/runtime.ts';
import { Stage, type QuantisableOptions } from '../runtime/stage.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import type { UNetNetwork } from './model-networks.ts';
import type { TrunkInputs, UNetInputs } from './network-inputs.ts';

/** Which graph a run needs. */
export type UNetVariant = {
  readonly controlNets: number;
  readonly isRagged: boolean;
  readonly extraChannels: number;
};

/** See the file's header. */
export class UNet implements UNetNetwork {
  readonly config: UNetConfig;
  /** Edge in latent pixels of what the model was trained on. */
  readonly sampleSize: number;
  /** The network in all its graphs. */
  readonly stage: Stage<UNetVariant>;
  readonly #runtime: Runtime;

  constructor(
    runtime: Runtime,
    json: JsonConfig,
    checkpoint: Checkpoint,
    { weightBits }: QuantisableOptions = {},
  ) {
    const config = parseUNetConfig(json);
    this.#runtime = runtime;
    this.config = config;
    this.sampleSize = new ConfigReader('UNet config', json).number('sample_size', 64);
    this.stage = new Stage({
      name: 'UNet',
      checkpoint,
      isSafeInHalf: true,
      isQuantisable: true,
      weightBits,
      build: (variant, options) => unetGraph(config, checkpoint, { ...options, ...variant }),
    });
  }

  get trunk(): UNetConfig {
    return this.config;
  }

  get checkpointIds(): readonly string[] {
    return [this.stage.checkpoint.id];
  }

  /** One evaluation: `out_sample` as the model predicts it (noise or velocity) [B, C, H, W]. */
  async predict(inputs: UNetInputs, options: StageRunOptions = {}): Promise<RunTensor> {
    const control = inputs.control ?? [];
    const given: Record<string, RunTensor> = trunkInputs(this.config, inputs);
    for (const [n, residuals] of control.entries()) {
      for (const [name, residual] of Object.entries(residuals))
        given[`control_${n}_${name}`] = residual;
    }
    const { extra } = inputs;
    if (extra !== undefined) given['extra'] = extra;
    const variant = {
      controlNets: control.length,
      isRagged: isRagged(this.config, inputs.sample),
      extraChannels: extra?.dims[1] ?? 0,
    };
    const outputs = await this.#runtime.run(this.stage, variant, given, options);
    return outputs['out_sample'] as RunTensor;
  }
}

/** The graph inputs that UNet and ControlNet share. */
export function trunkInputs(config: TrunkConfig, inputs: TrunkInputs): Record<string, RunTensor> {
  const [batch = 1] = inputs.sample.dims;
  const { timesteps, added, timestepCond } = inputs;
  const each =
    timesteps.length === 1 ? Array<number>(batch).fill(timesteps[0] as number) : timesteps;
  return {
    sample: inputs.sample,
    time_proj: timeProjection(config, each),
    encoder_hidden_states: inputs.context,
    ...(added === undefined
      ? {}
      : { added_cond: addedConditions(config, added.textEmbeds, added.timeIds) }),
    ...(timestepCond === undefined ? {} : { timestep_cond: timestepCond }),
  };
}

/** Whether the latents' size needs the graph that crops on the way up. */
export function isRagged(config: TrunkConfig, sample: RunTensor): boolean {
  const [height = 0, width = 0] = isDeviceTensor(sample)
    ? sample.dims.slice(1, 3)
    : sample.dims.slice(2, 4);
  const multiple = sizeMultiple(config);
  return height % multiple !== 0 || width % multiple !== 0;
}
