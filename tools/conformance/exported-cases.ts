/**
 * The cases of `parts.json` and `pipelines.json` that an exported model can do, computed with the ONNX folder of the same
 * weights.
 */

import { DiffusionModel } from '../../src/models/diffusion-model.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import type { HostTensor } from '../../src/tensor/host-tensor.ts';
import { openGolden } from '../goldens/golden-file.ts';
import type { ConformanceCase, Setting } from './case.ts';
import type { GoldenFolder } from './folder.ts';
import { partsTolerance } from './parts-cases.ts';
import { modelFolder, pipelineCase, type Runs } from './pipelines-cases.ts';
import { goldenTensor, remembered } from './support.ts';

const MODEL = 'tiny-sd15-onnx';
const TOKENS = 77;

/** What pipelines do that an exported graph has no inputs or outputs for, or another model does. */
const OTHERS = /clip_skip|9ch|^sdxl|^controlnet|^lora|panorama|sag/;

/** The networks of the exported model. */
export async function exportedPartsCases(
  folder: GoldenFolder,
  setting: Setting,
): Promise<ConformanceCase[]> {
  const parts = await openGolden(folder.read, 'parts');
  const open = opening(folder);
  const unet = async (model: DiffusionModel, name: string): Promise<HostTensor> =>
    (await model.unet.predict({
      sample: goldenTensor(parts, `${name}/sample`),
      timesteps: [...parts.int32(`${name}/timestep`).data],
      context: goldenTensor(parts, `${name}/context`),
    })) as HostTensor;
  const text = async (
    { texts: [{ encoder }] }: DiffusionModel,
    output: Parameters<typeof encoder.encode>[2][0],
  ): Promise<HostTensor> => {
    const { data } = parts.int32('text/ids');
    return (await encoder.encode(data, TOKENS, [output]))[output.name] as HostTensor;
  };
  const runs: Record<string, (model: DiffusionModel) => Promise<HostTensor>> = {
    'text/last_hidden_state': (model) =>
      text(model, { kind: 'hidden', name: 'state', layer: -1, normed: true }),
    'text/pooler_output': (model) =>
      text(model, { kind: 'pooled', name: 'pooled', projected: false }),
    'unet/out': (model) => unet(model, 'unet'),
    'unet_rect/out': (model) => unet(model, 'unet_rect'),
    'vae/mean': async ({ vae }) => {
      const moments = (await vae.encode(goldenTensor(parts, 'vae/image'))) as HostTensor;
      const { dims, data } = moments;
      const [batch = 1, channels = 2, ...rest] = dims;
      return { dims: [batch, channels / 2, ...rest], data: data.slice(0, data.length / 2) };
    },
    'vae/decoded': async ({ vae }) =>
      (await vae.decode(goldenTensor(parts, 'vae/latent'))) as HostTensor,
  };
  return Object.entries(runs).map(([name, run]) => ({
    name: `exported/${name}`,
    tolerance: partsTolerance(setting),
    run: async (runtime) => [
      { computed: await run(await open(runtime)), expected: goldenTensor(parts, name) },
    ],
  }));
}

/** Whole runs of the exported model. */
export async function exportedPipelinesCases(
  folder: GoldenFolder,
  setting: Setting,
): Promise<ConformanceCase[]> {
  const golden = await openGolden<Runs>(folder.read, 'pipelines');
  const open = opening(folder);
  return golden.json.runs
    .filter(({ name }) => !OTHERS.test(name))
    .map((run) => pipelineCase(golden, run, { setting, open, prefix: 'exported' }));
}

function opening({ read }: GoldenFolder): (runtime: Runtime) => Promise<DiffusionModel> {
  return remembered((runtime) =>
    DiffusionModel.open(runtime, modelFolder(MODEL, read, `${MODEL}/`)),
  );
}
