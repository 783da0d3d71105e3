/**
 * A ControlNet ready to run: what the UNet gets and a hint picture in, residuals for the UNet out.
 */

import type { JsonConfig } from '../networks/config.ts';
import { controlNetGraph } from '../networks/controlnet.ts';
import { parseControlNetConfig, type ControlNetConfig } from '../networks/unet-config.ts';
import type { RunTensor } from '../runtime/backend.ts';
import type { Runtime, StageRunOptions } from '../runtime/runtime.ts';
import { Stage, type QuantisableOptions } from '../runtime/stage.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import type { TrunkInputs } from './network-inputs.ts';
import { isRagged, trunkInputs } from './unet.ts';

/** What a ControlNet is given at every step. */
export type ControlNetInputs = TrunkInputs & {
  /** RGB in [0, 1] at full size, [B, 3, 8H, 8W] for Stable Diffusion. */
  readonly hint: RunTensor;
  /** Factor on all residuals, one for all pictures of the batch or one for each; 1 is full strength, 0 nothing. */
  readonly conditioningScale: number | readonly number[];
  /** Residuals weigh from 0.1 to 1 with depth; default false. */
  readonly isGuess?: boolean;
};

/** Which graph a run needs. */
export type ControlNetVariant = { readonly isRagged: boolean; readonly isGuess: boolean };

/** See the file's header. */
export class ControlNet {
  readonly config: ControlNetConfig;
  /** The network in all its graphs. */
  readonly stage: Stage<ControlNetVariant>;
  readonly #runtime: Runtime;

  constructor(
    runtime: Runtime,
    json: JsonConfig,
    checkpoint: Checkpoint,
    { weightBits }: QuantisableOptions = {},
  ) {
    const config = parseControlNetConfig(json);
    this.#runtime = runtime;
    this.config = config;
    this.stage = new Stage({
      name: 'ControlNet',
      checkpoint,
      isSafeInHalf: true,
      isQuantisable: true,
      weightBits,
      build: (variant, options) => controlNetGraph(config, checkpoint, { ...options, ...variant }),
    });
  }

  /** Names of what {@link ControlNet.residuals} gives. */
  get residualNames(): string[] {
    const { levels } = this.config;
    const blocks = levels.reduce((sum, { layers }) => sum + layers + 1, 0);
    return [...Array.from({ length: blocks }, (_, i) => `down_${i}`), 'mid'];
  }

  /** The residuals `down_0`, `down_1`, … and `mid`. */
  async residuals(
    inputs: ControlNetInputs,
    options: StageRunOptions = {},
  ): Promise<Record<string, RunTensor>> {
    const variant = {
      isRagged: isRagged(this.config, inputs.sample),
      isGuess: inputs.isGuess ?? false,
    };
    const given = {
      ...trunkInputs(this.config, inputs),
      hint: inputs.hint,
      conditioning_scale: scales(inputs),
    };
    return this.#runtime.run(this.stage, variant, given, options);
  }
}

function scales({ sample, conditioningScale }: ControlNetInputs): HostTensor {
  const [batch = 1] = sample.dims;
  const each = typeof conditioningScale === 'number' ? [conditioningScale] : conditioningScale;
  const data = Float32Array.from({ length: batch }, (_, i) => each[i] ?? each.at(-1) ?? 1);
  return { dims: [batch, 1, 1, 1], data };
}
