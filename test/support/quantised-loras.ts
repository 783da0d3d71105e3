/**
 * LoRAs over networks with quantised weights: what must hold, stated from what quantisation does without them.
 */

import { OpenModels, type NamedLora } from '../../src/engine/adjuncts.ts';
import type { ClipOutput } from '../../src/networks/clip-text.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { hostTensor, type HostTensor } from '../../src/tensor/host-tensor.ts';
import { relativeError } from '../../tools/conformance/case.ts';
import { goldenTensor } from '../../tools/conformance/support.ts';
import { openGolden } from '../../tools/goldens/golden-file.ts';
import { readGolden } from './goldens.ts';

const GOLDENS = new URL('../goldens/', import.meta.url);
const ID = 'tiny-sd15';
const TOKENS = 77;
const TEXTS = 2;
const TIMESTEP = 801;
/** Of the goldens. */
const STRENGTH = 0.8;
const OUTPUT: ClipOutput = { kind: 'hidden', name: 'state', layer: -1, normed: true };

/** A network of tiny-sd15 that a golden LoRA changes. */
export type ChangedNetwork = {
  readonly network: 'text' | 'unet';
  readonly lora: 'lora-a' | 'lora-b';
};

/** Every network that they change: `lora-b` has nothing for the text encoder. */
export const CHANGED_NETWORKS: readonly ChangedNetwork[] = [
  { network: 'text', lora: 'lora-a' },
  { network: 'unet', lora: 'lora-a' },
  { network: 'unet', lora: 'lora-b' },
];

/** Evaluates one network of tiny-sd15 with a LoRA at a strength, opened and laid as the engine does. */
export type LoraDrawer = (changed: ChangedNetwork, strength: number) => Promise<HostTensor>;

/** Opens tiny-sd15 on a runtime. */
export async function openLoraDrawer(runtime: Runtime): Promise<LoraDrawer> {
  const models = new OpenModels(runtime);
  const folder = { kind: 'folder', url: new URL(`${ID}/`, GOLDENS).href } as const;
  const entry = { id: ID, name: ID, source: folder, licence: 'none', nativeSize: 64 };
  await models.open(entry, {});
  const golden = await openGolden(readGolden, 'pipelines');
  const ids = (await openGolden(readGolden, 'parts')).int32('text/ids').data;
  return async ({ network, lora }, strength) => {
    const { model } = await models.model(ID, { loras: [named(lora, strength)] }, {});
    if (network === 'unet') {
      const sample = goldenTensor(golden, 'lora/sample');
      const context = goldenTensor(golden, `${lora}/context`);
      const out = await model.unet.predict({ sample, timesteps: [TIMESTEP], context });
      return out as HostTensor;
    }
    const { encoder } = model.texts[0];
    const { state } = await encoder.encode(ids.subarray(0, TEXTS * TOKENS), TOKENS, [OUTPUT]);
    return state as HostTensor;
  };
}

function named(id: string, strength: number): NamedLora {
  const source = { kind: 'file', url: new URL(`${id}.safetensors`, GOLDENS).href } as const;
  return { entry: { id, kind: 'lora', name: id, source, licence: 'none' }, strength };
}

/**
 * What is wrong with a LoRA on quantised weights, with the numbers: it must act, at any strength, and go without a trace.
 *
 * - The error beside the golden is at most 1.5 times that of the same network without the LoRA: what is quantised is the sum
 *   of base and change, whose extremes are hardly larger.
 * - The errors of 8 bits are a fifth of what these LoRAs change, so the result is three times nearer to the golden with the
 *   LoRA than to the one without. Those of 4 bits are larger than the change, but lie in other directions. So the part along
 *   the golden change is what is compared: it is 1 at the golden's strength and a half at half of it, give or take a tenth with
 *   8 bits and a half with 4.
 */
export async function brokenRules(
  { quantised, exact }: { readonly quantised: LoraDrawer; readonly exact: LoraDrawer },
  changed: ChangedNetwork,
  bits: 8 | 4,
): Promise<string[]> {
  const golden = await openGolden(readGolden, 'pipelines');
  const { network, lora } = changed;
  const expected = goldenTensor(golden, `${lora}/${network === 'text' ? 'context' : 'unet_out'}`);
  const base = await exact(changed, 0);
  const plain = await quantised(changed, 0);
  const laid = await quantised(changed, STRENGTH);
  const half = await quantised(changed, STRENGTH / 2);
  const again = await quantised(changed, STRENGTH);
  const none = await quantised(changed, 0);

  const without = relativeError({ computed: plain, expected: base });
  const error = relativeError({ computed: laid, expected });
  const nearness = distance(laid, expected) / distance(laid, base);
  const change = minus(expected, base);
  const whole = along(change, minus(laid, plain));
  const part = along(change, minus(half, plain));
  const spread = bits === 8 ? 0.1 : 0.5;
  const rules: [isKept: boolean, rule: string][] = [
    [error < 1.5 * without, `an error of ${error}, without the LoRA ${without}`],
    [bits === 4 || nearness < 1 / 3, `${nearness} times as far from the golden as from the base`],
    [Math.abs(whole - 1) < spread, `${whole} of the golden change`],
    [Math.abs(part - 0.5) < spread / 2, `${part} of the golden change at half the strength`],
    [isSame(again, laid), 'the same strength gives other numbers after another one'],
    [isSame(none, plain), 'without the LoRA something of it is left'],
  ];
  return rules.filter(([isKept]) => !isKept).map(([, rule]) => rule);
}

function isSame(a: HostTensor, b: HostTensor): boolean {
  return a.data.length === b.data.length && a.data.every((value, i) => value === b.data[i]);
}

function minus(a: HostTensor, b: HostTensor): HostTensor {
  return hostTensor(
    a.data.map((value, i) => value - (b.data[i] ?? NaN)),
    a.dims,
  );
}

function dot(a: HostTensor, b: HostTensor): number {
  return a.data.reduce((sum, value, i) => sum + value * (b.data[i] ?? NaN), 0);
}

function distance(a: HostTensor, b: HostTensor): number {
  const difference = minus(a, b);
  return Math.sqrt(dot(difference, difference));
}

/** How much of `direction` there is in `change`. */
function along(direction: HostTensor, change: HostTensor): number {
  return dot(direction, change) / dot(direction, direction);
}
