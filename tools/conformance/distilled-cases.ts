/**
 * The cases of `distilled.json`: whole runs of models that draw in few steps, LCM and Turbo.
 */

import { DiffusionModel } from '../../src/models/diffusion-model.ts';
import { partsOfFolder } from '../../src/models/folder-parts.ts';
import type { JsonConfig } from '../../src/networks/config.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { bufferSource } from '../../src/weights/byte-source.ts';
import { openCheckpoint } from '../../src/weights/safetensors.ts';
import { openGolden } from '../goldens/golden-file.ts';
import type { ConformanceCase, Setting } from './case.ts';
import type { GoldenFolder } from './folder.ts';
import { modelFolder, pipelineCase, type Runs } from './pipelines-cases.ts';
import { remembered } from './support.ts';

/** What the file says beside its runs, by the first part of a run's name. */
type Distilled = Runs & {
  readonly configs: Readonly<Record<string, JsonConfig>>;
  readonly models: Readonly<Record<string, string>>;
  readonly guidance_width: number;
};

/** The layer that makes an LCM of a UNet. */
const GUIDANCE_LAYER = 'distilled/guidance.safetensors';

/** All cases of the file. */
export async function distilledCases(
  folder: GoldenFolder,
  setting: Setting,
): Promise<ConformanceCase[]> {
  const golden = await openGolden<Distilled>(folder.read, 'distilled');
  const { configs, models, guidance_width: width, runs } = golden.json;
  const families = new Map(
    Object.entries(models).map(([family, model]) => [
      family,
      remembered((runtime) =>
        family === 'lcm'
          ? openLcm(folder, runtime, { model, width })
          : DiffusionModel.open(runtime, modelFolder(model, folder.read, `${model}/`)),
      ),
    ]),
  );
  return runs.map((run) => {
    const [family = ''] = run.name.split('/');
    const open = families.get(family);
    if (open === undefined) throw new Error(`distilled.json names no model for ${run.name}`);
    const schedulerConfig = configs[family] ?? {};
    return pipelineCase(golden, run, { setting, open, schedulerConfig, prefix: 'distilled' });
  });
}

/** The model with a UNet that also reads the embedded guidance scale. */
async function openLcm(
  { read }: GoldenFolder,
  runtime: Runtime,
  { model, width }: { model: string; width: number },
): Promise<DiffusionModel> {
  const parts = await partsOfFolder(modelFolder(`${model} (LCM)`, read, `${model}/`));
  const layer = await openCheckpoint(GUIDANCE_LAYER, [
    bufferSource(await read(GUIDANCE_LAYER), GUIDANCE_LAYER),
  ]);
  const { config, checkpoint } = parts.unet;
  const unet = {
    config: { ...config, time_cond_proj_dim: width },
    checkpoint: { ...checkpoint, tensors: new Map([...checkpoint.tensors, ...layer.tensors]) },
  };
  return new DiffusionModel(runtime, { ...parts, unet });
}
