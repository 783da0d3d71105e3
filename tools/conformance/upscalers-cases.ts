/**
 * The cases of `upscalers.json`: whole pictures through small upscalers, from every kind of file.
 */

import { openUpscalerFile } from '../../src/models/upscaler-file.ts';
import { Upscaler } from '../../src/models/upscaler.ts';
import { bufferSource } from '../../src/weights/byte-source.ts';
import { openGolden } from '../goldens/golden-file.ts';
import type { ConformanceCase, Setting } from './case.ts';
import type { GoldenFolder } from './folder.ts';
import { partsTolerance } from './parts-cases.ts';
import { goldenTensor } from './support.ts';

/** All cases of the file. Its arrays are called `FILE/HxW/in` and `FILE/HxW/out`. */
export async function upscalersCases(
  folder: GoldenFolder,
  setting: Setting,
): Promise<ConformanceCase[]> {
  const golden = await openGolden(folder.read, 'upscalers');
  const names = golden.names.filter((name) => name.endsWith('/out'));
  return names.map((name): ConformanceCase => {
    const [file = '', size = ''] = name.split('/');
    return {
      name: `upscalers/${file}/${size}`,
      tolerance: partsTolerance(setting),
      run: async (runtime) => {
        const path = `upscalers/${file}`;
        const source = bufferSource(await folder.read(path), path);
        const upscaler = new Upscaler(runtime, await openUpscalerFile(path, source));
        const image = goldenTensor(golden, `${file}/${size}/in`);
        return [{ computed: await upscaler.run(image), expected: goldenTensor(golden, name) }];
      },
    };
  });
}
