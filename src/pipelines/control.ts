/**
 * ControlNets in a run: before each evaluation of the UNet they look at the same sample and a hint picture, and what they
 * say is added to the UNet's skip connections.
 */

import type { Annotation } from '../annotators/annotators.ts';
import { EngineError } from '../errors.ts';
import type { ControlNet } from '../models/controlnet.ts';
import type { DiffusionModel } from '../models/diffusion-model.ts';
import type { TrunkInputs } from '../models/network-inputs.ts';
import { isDeviceTensor, type RunTensor } from '../runtime/backend.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import { repeatedBatch, type HostTensor } from '../tensor/host-tensor.ts';

/** A hint for one ControlNet. */
export type ControlRequest = {
  /** The ControlNet's name among {@link ControlNets}. */
  readonly id: string;
  /** [1, 3, H, W] in [0, 1], of the picture's size. */
  readonly hint: HostTensor;
  /** Factor on what it says, from 0; default 1. */
  readonly conditioningScale?: number;
  /** Then `hint` is the picture of which a network has yet to make it, before the run. */
  readonly annotation?: Annotation;
};

/** Opened ControlNets by name. */
export type ControlNets = ReadonlyMap<string, ControlNet>;

/** Residuals of each net, and a way to give their memory back. */
export type Controlled = {
  readonly control: readonly Readonly<Record<string, RunTensor>>[];
  readonly release: () => void;
};

/** Settings of a run. */
export type ControlOptions = {
  readonly nets: ControlNets;
  /** Guess mode: they steer what is drawn for the prompt alone, weakest at the outside; default false. */
  readonly isGuess: boolean;
  /** Of each row of the batch, whether it is drawn for the negative prompt. */
  readonly isNegative: readonly boolean[];
};

/** Asks all nets about a sample; without any it costs nothing. */
export function controller(
  model: DiffusionModel,
  requests: readonly ControlRequest[],
  { nets, isGuess, isNegative }: ControlOptions,
): (inputs: TrunkInputs, run: StageRunOptions) => Promise<Controlled> {
  const opened = requests.map((request) => {
    const net = nets.get(request.id);
    if (net === undefined) throw unknown(request.id, nets);
    checkNet(model, net, request.id);
    const { hint, conditioningScale = 1 } = request;
    const isBlind = isGuess || net.config.poolsOutputs;
    const scales = isNegative.map((negative) => (isBlind && negative ? 0 : conditioningScale));
    return { net, scales, hint: repeatedBatch(hint, isNegative.length) };
  });
  return async (inputs, run) => {
    const control: Record<string, RunTensor>[] = [];
    const release = (): void => {
      for (const tensor of control.flatMap((each) => Object.values(each)))
        if (isDeviceTensor(tensor)) tensor.dispose();
    };
    try {
      for (const { net, scales, hint } of opened) {
        const given = { ...inputs, hint, conditioningScale: scales, isGuess };
        control.push(await net.residuals(given, { ...run, keepOnDevice: net.residualNames }));
      }
    } catch (error) {
      release();
      throw error;
    }
    return { control, release };
  };
}

function unknown(id: string, nets: ControlNets): EngineError {
  const known = [...nets.keys()].join(', ') || 'none';
  return new EngineError('invalid-argument', `no ControlNet ${id} is open; open are: ${known}`, {
    detail: { id },
  });
}

function checkNet({ unet, name }: DiffusionModel, { config }: ControlNet, id: string): void {
  const widths = (of: { levels: readonly { channels: number }[] }): string =>
    of.levels.map(({ channels }) => channels).join();
  const { trunk } = unet;
  if (trunk === undefined) {
    throw new EngineError(
      'unsupported',
      `${name} is an exported model whose UNet has no inputs for ControlNets; a model of safetensors files takes them`,
      { detail: { id, model: name, feature: 'ControlNet' } },
    );
  }
  if (widths(config) === widths(trunk) && config.contextWidth === trunk.contextWidth) return;
  throw new EngineError(
    'invalid-argument',
    `the ControlNet ${id} was made for another family of models than ${name}`,
    { detail: { id, model: name } },
  );
}
