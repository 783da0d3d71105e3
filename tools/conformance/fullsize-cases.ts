/**
 * The cases of `fullsize.json`: networks of real width or real size, weights by formula.
 */

import { Autoencoder } from '../../src/models/vae.ts';
import { ControlNet } from '../../src/models/controlnet.ts';
import { TextEncoder as ClipTextEncoder } from '../../src/models/text-encoder.ts';
import { cutTile } from '../../src/models/tiling.ts';
import type { TrunkInputs } from '../../src/models/network-inputs.ts';
import { UNet } from '../../src/models/unet.ts';
import type { ClipOutput } from '../../src/networks/clip-text.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { hostTensor, type HostTensor } from '../../src/tensor/host-tensor.ts';
import type { Checkpoint } from '../../src/weights/checkpoint.ts';
import {
  inputTensor,
  openFullsize,
  type Fullsize,
  type FullsizeCase,
} from '../goldens/fullsize.ts';
import { quantisedTolerance, type Comparison, type ConformanceCase, type Setting } from './case.ts';
import type { GoldenFolder } from './folder.ts';

type Outputs = Record<string, HostTensor>;

/** Opens the weights of a component; by default they are computed as they are read. */
export type OpenComponent = (name: string) => Promise<Checkpoint>;

/** The relative error allowed to each setting. */
export function fullsizeTolerance(setting: Setting): number {
  return quantisedTolerance(setting) ?? (setting.precision === 'float16' ? 3e-2 : 1e-3);
}

/** All cases of the file. */
export async function fullsizeCases(
  folder: GoldenFolder,
  setting: Setting,
  openComponent?: OpenComponent,
): Promise<ConformanceCase[]> {
  const file = await openFullsize(folder.read);
  const open = openComponent ?? ((name: string) => file.checkpoint(name));
  return file.golden.json.cases.map((each) => ({
    name: `fullsize/${each.name}`,
    tolerance: fullsizeTolerance(setting),
    run: async (runtime) => {
      const checkpoint = await open(each.component);
      try {
        const outputs = await runComponent(runtime, file, each, checkpoint);
        return each.outputs.map((name) => compare(file, each, name, outputs));
      } finally {
        await runtime.backend.releaseCheckpoint(checkpoint.id);
      }
    },
  }));
}

function compare(file: Fullsize, each: FullsizeCase, name: string, outputs: Outputs): Comparison {
  const { shape, data } = file.golden.float32(name);
  const computed = outputs[name.slice(each.name.length + 1)];
  if (computed === undefined) throw new Error(`unknown output ${name}`);
  return {
    computed: each.crop === undefined ? computed : crop(computed, each.crop),
    expected: hostTensor(data, shape),
  };
}

async function runComponent(
  runtime: Runtime,
  file: Fullsize,
  each: FullsizeCase,
  checkpoint: Checkpoint,
): Promise<Outputs> {
  const config = file.config(each.component);
  const input = (name: string): HostTensor => {
    const given = each.inputs[name];
    if (given === undefined) throw new Error(`the case has no input ${name}`);
    const { shape, data } = inputTensor(given);
    return hostTensor(data, shape);
  };
  const [architecture] = (config['architectures'] ?? []) as string[];
  const kind = (config['_class_name'] as string | undefined) ?? architecture;
  switch (kind) {
    case 'CLIPTextModel':
    case 'CLIPTextModelWithProjection': {
      const encoder = new ClipTextEncoder(runtime, config, checkpoint);
      const ids = input('input_ids').data;
      const wanted = each.outputs.map((name) => clipOutput(name.slice(each.name.length + 1)));
      return (await encoder.encode(ids, 77, wanted)) as Outputs;
    }
    case 'UNet2DConditionModel': {
      const sample = await new UNet(runtime, config, checkpoint).predict(trunkInputs(each, input));
      return { sample: sample as HostTensor };
    }
    case 'ControlNetModel': {
      const net = new ControlNet(runtime, config, checkpoint);
      const hint = input(each.inputs['controlnet_cond'] === undefined ? 'hint' : 'controlnet_cond');
      const scale = each.inputs['conditioning_scale'];
      const conditioningScale = typeof scale === 'number' ? scale : 1;
      const residuals = await net.residuals({
        ...trunkInputs(each, input),
        hint,
        conditioningScale,
      });
      return Object.fromEntries(
        Object.entries(residuals).map(([name, tensor]) => [
          name.replace('down_', 'down'),
          tensor as HostTensor,
        ]),
      );
    }
    case 'AutoencoderKL': {
      const vae = new Autoencoder(runtime, config, checkpoint);
      return each.inputs['latents'] === undefined
        ? { moments: (await vae.encode(input('image'))) as HostTensor }
        : { image: (await vae.decode(input('latents'))) as HostTensor };
    }
    default:
      throw new Error(`unknown component class ${String(kind)}`);
  }
}

function trunkInputs(each: FullsizeCase, input: (name: string) => HostTensor): TrunkInputs {
  return {
    sample: input('sample'),
    timesteps: [...input('timestep').data],
    context: input('encoder_hidden_states'),
    ...(each.inputs['timestep_cond'] === undefined ? {} : { timestepCond: input('timestep_cond') }),
    ...(each.inputs['text_embeds'] === undefined
      ? {}
      : { added: { textEmbeds: input('text_embeds'), timeIds: [...input('time_ids').data] } }),
  };
}

function clipOutput(name: string): ClipOutput {
  switch (name) {
    case 'penultimate':
      return { kind: 'hidden', name, layer: -2, normed: false };
    case 'last_hidden_state':
      return { kind: 'hidden', name, layer: -1, normed: true };
    case 'text_embeds':
      return { kind: 'pooled', name, projected: true };
    default:
      throw new Error(`unknown output ${name}`);
  }
}

function crop(
  picture: HostTensor,
  [top, bottom, left, right]: readonly [number, number, number, number],
): HostTensor {
  return cutTile(picture, { top, left, height: bottom - top, width: right - left });
}
