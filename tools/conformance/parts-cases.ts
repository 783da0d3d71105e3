/**
 * The cases of `parts.json`: every array that a network of the tiny checkpoints gives.
 */

import { Autoencoder } from '../../src/models/vae.ts';
import { ControlNet } from '../../src/models/controlnet.ts';
import { TextEncoder as ClipTextEncoder } from '../../src/models/text-encoder.ts';
import type { UNetInputs } from '../../src/models/network-inputs.ts';
import { UNet } from '../../src/models/unet.ts';
import type { ClipOutput } from '../../src/networks/clip-text.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { hostTensor, type HostTensor } from '../../src/tensor/host-tensor.ts';
import { ClipTokenizer } from '../../src/text/clip-tokenizer.ts';
import { openGolden, type GoldenFile } from '../goldens/golden-file.ts';
import { quantisedTolerance, type Comparison, type ConformanceCase, type Setting } from './case.ts';
import type { GoldenFolder } from './folder.ts';
import { goldenTensor, remembered } from './support.ts';

type Parts = GoldenFile<{ prompts: string[] }>;
type Run = (runtime: Runtime) => Promise<HostTensor>;

const TOKENS = 77;
const CONTROL_SCALE = 0.8;

/** Arrays that are inputs of others. */
const INPUTS: ReadonlySet<string> = new Set([
  'text/ids',
  'unet/sample',
  'unet/timestep',
  'unet/context',
  'unet_rect/sample',
  'unet_rect/timestep',
  'unet_rect/context',
  'vae/image',
  'vae/latent',
  'inpaint/sample',
  'sdxl/context',
  'sdxl/text_embeds',
  'sdxl/time_ids',
  'controlnet/hint',
]);

/** The relative error allowed to each setting. */
export function partsTolerance(setting: Setting): number {
  const { backend, precision } = setting;
  const quantised = quantisedTolerance(setting);
  if (quantised !== undefined) return quantised;
  if (precision === 'float16') return 3e-2;
  return backend === 'wasm' ? 1e-4 : 1e-3;
}

/** All cases of the file; an array that nothing here knows is a case that fails. */
export async function partsCases(
  folder: GoldenFolder,
  setting: Setting,
): Promise<ConformanceCase[]> {
  const parts = await openGolden<{ prompts: string[] }>(folder.read, 'parts');
  const whole = partsTolerance({ ...setting, weightBits: 16 });
  const quantised = partsTolerance(setting);
  const runs = new Map(
    Object.entries({
      ...textRuns(folder, parts),
      ...unetRuns(folder, parts),
      ...vaeRuns(folder, parts),
    }),
  );
  return parts.names
    .filter((name) => !INPUTS.has(name))
    .map((name): ConformanceCase => {
      if (name.startsWith('tokens/')) return tokensCase(folder, parts, name);
      const run = runs.get(name);
      return {
        name: `parts/${name}`,
        // Autoencoders keep their weights.
        tolerance: /^(vae|taesd)\//.test(name) ? whole : quantised,
        run: async (runtime): Promise<Comparison[]> => {
          if (run === undefined) throw new Error('unknown case');
          return [{ computed: await run(runtime), expected: goldenTensor(parts, name) }];
        },
      };
    });
}

function tokensCase(folder: GoldenFolder, parts: Parts, name: string): ConformanceCase {
  return {
    name: `parts/${name}`,
    tolerance: undefined,
    run: async () => {
      const prompt = parts.json.prompts[Number(name.slice('tokens/'.length))];
      if (prompt === undefined) throw new Error('unknown case');
      const tokenizer = await openTokenizer(folder, 'tiny-sd15/tokenizer');
      const computed = hostTensor(tokenizer.encode(prompt), [TOKENS]);
      const { shape, data } = parts.int32(name);
      return [{ computed, expected: hostTensor(data, shape) }];
    },
  };
}

function textRuns(folder: GoldenFolder, parts: Parts): Record<string, Run> {
  const encode =
    (output: ClipOutput): Run =>
    async (runtime) => {
      const path = 'tiny-sd15/text_encoder';
      const encoder = new ClipTextEncoder(
        runtime,
        await folder.json(`${path}/config.json`),
        await folder.checkpoint(path),
      );
      const { data } = parts.int32('text/ids');
      return (await encoder.encode(data, TOKENS, [output]))[output.name] as HostTensor;
    };
  const hidden = (layer: number, normed: boolean): Run =>
    encode({ kind: 'hidden', name: 'state', layer, normed });
  return {
    'text/last_hidden_state': hidden(-1, true),
    'text/pooler_output': encode({ kind: 'pooled', name: 'pooled', projected: false }),
    ...Object.fromEntries(
      [0, 1, 2, 3, 4].map((layer) => [`text/hidden_states/${layer}`, hidden(layer, false)]),
    ),
    ...Object.fromEntries(
      [1, 2, 3].map((skip) => [`text/clip_skip_${skip}`, hidden(-1 - skip, true)]),
    ),
    'sd2/context': async (runtime) => {
      const path = 'tiny-sd2/text_encoder';
      const encoder = new ClipTextEncoder(
        runtime,
        await folder.json(`${path}/config.json`),
        await folder.checkpoint(path),
      );
      const tokenizer = await openTokenizer(folder, 'tiny-sd2/tokenizer');
      const ids = parts.json.prompts.slice(0, 2).flatMap((prompt) => tokenizer.encode(prompt));
      const outputs = await encoder.encode(ids, TOKENS, [
        { kind: 'hidden', name: 'state', layer: -1, normed: true },
      ]);
      return outputs['state'] as HostTensor;
    },
  };
}

async function openTokenizer(folder: GoldenFolder, path: string): Promise<ClipTokenizer> {
  const json = await folder.json(`${path}/tokenizer.json`);
  return new ClipTokenizer(json, await folder.json(`${path}/tokenizer_config.json`));
}

function unetRuns(folder: GoldenFolder, parts: Parts): Record<string, Run> {
  const predict =
    (model: string, inputs: (runtime: Runtime) => Promise<UNetInputs> | UNetInputs): Run =>
    async (runtime) => {
      const path = `${model}/unet`;
      const unet = new UNet(
        runtime,
        await folder.json(`${path}/config.json`),
        await folder.checkpoint(path),
      );
      return (await unet.predict(await inputs(runtime))) as HostTensor;
    };
  const basic = (
    context: string,
    sample = 'unet/sample',
    timestep = 'unet/timestep',
  ): UNetInputs => ({
    sample: goldenTensor(parts, sample),
    timesteps: [...parts.int32(timestep).data],
    context: goldenTensor(parts, context),
  });
  const residuals = async (
    runtime: Runtime,
    scale: number,
  ): Promise<Record<string, HostTensor>> => {
    const path = 'tiny-controlnet';
    const net = new ControlNet(
      runtime,
      await folder.json(`${path}/config.json`),
      await folder.checkpoint(path),
    );
    const inputs = {
      ...basic('unet/context'),
      hint: goldenTensor(parts, 'controlnet/hint'),
      conditioningScale: scale,
    };
    return (await net.residuals(inputs)) as Record<string, HostTensor>;
  };
  const shared = remembered((runtime) => residuals(runtime, CONTROL_SCALE));
  const residual =
    (name: string): Run =>
    async (runtime) =>
      (await shared(runtime))[name] as HostTensor;
  return {
    'unet/out': predict('tiny-sd15', () => basic('unet/context')),
    'unet_rect/out': predict('tiny-sd15', () =>
      basic('unet_rect/context', 'unet_rect/sample', 'unet_rect/timestep'),
    ),
    'sd2/out': predict('tiny-sd2', () => basic('sd2/context')),
    'inpaint/out': predict('tiny-inpaint', () => basic('unet/context', 'inpaint/sample')),
    'sdxl/out': predict('tiny-sdxl', () => ({
      ...basic('sdxl/context'),
      added: {
        textEmbeds: goldenTensor(parts, 'sdxl/text_embeds'),
        timeIds: [...goldenTensor(parts, 'sdxl/time_ids').data],
      },
    })),
    ...Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`controlnet/down/${i}`, residual(`down_${i}`)]),
    ),
    'controlnet/mid': residual('mid'),
    'controlnet/unet_out': predict('tiny-sd15', async (runtime) => ({
      ...basic('unet/context'),
      control: [await shared(runtime)],
    })),
  };
}

function vaeRuns(folder: GoldenFolder, parts: Parts): Record<string, Run> {
  const open = async (runtime: Runtime, path: string): Promise<Autoencoder> =>
    new Autoencoder(
      runtime,
      await folder.json(`${path}/config.json`),
      await folder.checkpoint(path),
    );
  const decode =
    (path: string): Run =>
    async (runtime) =>
      (await (await open(runtime, path)).decode(goldenTensor(parts, 'vae/latent'))) as HostTensor;
  const moments = remembered(async (runtime) => {
    const vae = await open(runtime, 'tiny-sd15/vae');
    return splitMoments((await vae.encode(goldenTensor(parts, 'vae/image'))) as HostTensor);
  });
  return {
    'vae/mean': async (runtime) => (await moments(runtime)).mean,
    'vae/logvar': async (runtime) => (await moments(runtime)).logvar,
    'vae/std': async (runtime) => {
      const { dims, data } = (await moments(runtime)).logvar;
      return { dims, data: data.map((value) => Math.exp(value / 2)) };
    },
    'vae/decoded': decode('tiny-sd15/vae'),
    'taesd/decoded': decode('tiny-taesd'),
    'taesd/encoded': async (runtime) =>
      (await (
        await open(runtime, 'tiny-taesd')
      ).encode(goldenTensor(parts, 'vae/image'))) as HostTensor,
  };
}

/** Moments of one picture [1, 2C, H, W] as mean and log variance [1, C, H, W], the latter clamped to [-30, 20]. */
function splitMoments({ dims, data }: HostTensor): { mean: HostTensor; logvar: HostTensor } {
  const [batch = 1, channels = 2, height = 1, width = 1] = dims;
  const half = [batch, channels / 2, height, width];
  const middle = data.length / 2;
  const clamp = (value: number): number => Math.min(20, Math.max(-30, value));
  return {
    mean: { dims: half, data: data.slice(0, middle) },
    logvar: { dims: half, data: data.slice(middle).map(clamp) },
  };
}
