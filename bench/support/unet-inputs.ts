/**
 * Inputs of a UNet's graph: those of a golden case, or made up at any size.
 */

import type { TrunkInputs } from '../../src/models/network-inputs.ts';
import { trunkInputs } from '../../src/models/unet.ts';
import { parseUNetConfig, type UNetConfig } from '../../src/networks/unet-config.ts';
import { hostTensor, type HostTensor } from '../../src/tensor/host-tensor.ts';
import { elementCount } from '../../src/tensor/dtype.ts';
import { generatedArray } from '../../tools/goldens/formula.ts';
import { inputTensor, type Fullsize } from '../../tools/goldens/fullsize.ts';

/** What a run of the graph is given. */
export type GraphInputs = Record<string, HostTensor>;

/** A size to run at: pictures in a batch, and latents of one. */
export type LatentSize = {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
};

/** The golden case `name`: its inputs, and what PyTorch computed from them. */
export function goldenUnet(
  file: Fullsize,
  name: string,
): { readonly inputs: GraphInputs; readonly expected: HostTensor } {
  const each = file.find(name);
  const input = (key: string): HostTensor => {
    const { shape, data } = inputTensor(each.inputs[key]!);
    return hostTensor(data, shape);
  };
  const given: TrunkInputs = {
    sample: input('sample'),
    timesteps: [...input('timestep').data],
    context: input('encoder_hidden_states'),
    ...('timestep_cond' in each.inputs ? { timestepCond: input('timestep_cond') } : {}),
    ...('text_embeds' in each.inputs
      ? { added: { textEmbeds: input('text_embeds'), timeIds: [...input('time_ids').data] } }
      : {}),
  };
  const { shape, data } = file.golden.float32(each.outputs[0]!);
  const config = parseUNetConfig(file.config(each.component));
  return { inputs: asHost(config, given), expected: hostTensor(data, shape) };
}

/** Inputs of a component at a size, of 77 tokens: numbers of the usual magnitude. */
export function madeUnetInputs(file: Fullsize, component: string, size: LatentSize): GraphInputs {
  const config = parseUNetConfig(file.config(component));
  const { batch, height, width } = size;
  const made = (name: string, ...dims: number[]): HostTensor =>
    hostTensor(generatedArray(`bench/${name}`, elementCount(dims), 7), dims);
  const { added, guidanceWidth } = config;
  const sizes = [8 * height, 8 * width, 0, 0, 8 * height, 8 * width];
  return asHost(config, {
    sample: made('sample', batch, config.inChannels, height, width),
    timesteps: [601],
    context: made('context', batch, 77, config.contextWidth),
    ...(guidanceWidth === undefined ? {} : { timestepCond: made('cond', batch, guidanceWidth) }),
    ...(added === undefined
      ? {}
      : {
          added: {
            textEmbeds: made('embeds', batch, added.textWidth),
            timeIds: Array.from({ length: batch }, () => sizes).flat(),
          },
        }),
  });
}

function asHost(config: UNetConfig, given: TrunkInputs): GraphInputs {
  return trunkInputs(config, given) as GraphInputs;
}
