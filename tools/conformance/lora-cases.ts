/**
 * The LoRA cases of `pipelines.json`: the text encoder and the UNet of tiny-sd15 with LoRAs in their weights.
 */

import { DiffusionModel } from '../../src/models/diffusion-model.ts';
import { partsOfFolder } from '../../src/models/folder-parts.ts';
import { fitLoras, setLoras, withLoras } from '../../src/models/lora-parts.ts';
import type { ClipOutput } from '../../src/networks/clip-text.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import type { HostTensor } from '../../src/tensor/host-tensor.ts';
import { bufferSource } from '../../src/weights/byte-source.ts';
import { readLora } from '../../src/weights/lora/lora-file.ts';
import { openGolden } from '../goldens/golden-file.ts';
import type { ConformanceCase, Setting } from './case.ts';
import type { GoldenFolder } from './folder.ts';
import { partsTolerance } from './parts-cases.ts';
import { modelFolder } from './pipelines-cases.ts';
import { goldenTensor, remembered } from './support.ts';

const STRENGTH = 0.8;
const TIMESTEP = 801;
const TOKENS = 77;
const TEXTS = 2;

/** All cases: arrays called after a LoRA file. */
export async function loraCases(
  folder: GoldenFolder,
  setting: Setting,
): Promise<ConformanceCase[]> {
  const golden = await openGolden(folder.read, 'pipelines');
  const files = golden.names.flatMap((name) => /^(lora-\w+)\/context$/.exec(name)?.[1] ?? []);
  return files.flatMap((name) => {
    const open = remembered(async (runtime) => {
      const file = `${name}.safetensors`;
      const lora = await readLora(bufferSource(await folder.read(file), file));
      const parts = await partsOfFolder(modelFolder('tiny-sd15', folder.read, 'tiny-sd15/'));
      const strengths = { unetStrength: STRENGTH, textEncoderStrength: STRENGTH };
      const fitted = fitLoras(parts, [{ file: lora, ...strengths }]);
      const unmatched = fitted.unmatched.get(file) ?? [];
      if (unmatched.length > 0) throw new Error(`nothing matches ${unmatched.join(', ')}`);
      const changed = runtime.canPatch ? parts : withLoras(parts, fitted);
      return { model: new DiffusionModel(runtime, changed), parts, fitted };
    });
    /** Draws with the LoRA in the weights: of other cases too, where they change in place, so it leaves them afterwards. */
    const within = async (
      runtime: Runtime,
      task: (model: DiffusionModel) => Promise<HostTensor>,
    ): Promise<HostTensor> => {
      const { model, parts, fitted } = await open(runtime);
      if (runtime.canPatch) setLoras(runtime, parts, fitted);
      try {
        return await task(model);
      } finally {
        if (runtime.canPatch) setLoras(runtime, parts);
      }
    };
    const context: ConformanceCase = {
      name: `pipelines/${name}/context`,
      tolerance: partsTolerance(setting),
      run: async (runtime) => {
        const { data } = (await openGolden(folder.read, 'parts')).int32('text/ids');
        const output: ClipOutput = { kind: 'hidden', name: 'state', layer: -1, normed: true };
        const ids = data.subarray(0, TEXTS * TOKENS);
        const computed = await within(runtime, async ({ texts: [{ encoder }] }) => {
          const { state } = await encoder.encode(ids, TOKENS, [output]);
          return state as HostTensor;
        });
        return [{ computed, expected: goldenTensor(golden, `${name}/context`) }];
      },
    };
    const unet: ConformanceCase = {
      name: `pipelines/${name}/unet_out`,
      tolerance: partsTolerance(setting),
      run: async (runtime) => {
        const computed = await within(runtime, async (model) => {
          const inputs = {
            sample: goldenTensor(golden, 'lora/sample'),
            timesteps: [TIMESTEP],
            context: goldenTensor(golden, `${name}/context`),
          };
          return (await model.unet.predict(inputs)) as HostTensor;
        });
        return [{ computed, expected: goldenTensor(golden, `${name}/unet_out`) }];
      },
    };
    return [context, unet];
  });
}
