/**
 * `npm run bench -- quantised-pictures [--backend wasm|webgpu] [--only PATTERN] [--from ELEMENTS] [--out FOLDER]`: how far
 * whole pictures with weights of 8 and 4 bits are from those with 16, drawn by the goldens' tiny pipelines and by the embedded
 * model. Differences are of bytes, 0 to 255. The matrices of these models are small, so by default all of them are quantised,
 * the smallest ones too. With `--out` a PNG for each case has the pictures side by side: 16, 8 and 4 bits.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { encodePng } from '../src/image/png.ts';
import { startRuntime } from '../src/runtime/start.ts';
import type { ConformanceCase } from '../tools/conformance/case.ts';
import { GoldenFolder } from '../tools/conformance/folder.ts';
import { collectCases } from '../tools/conformance/run.ts';
import { markdownTable } from './support/table.ts';

const BITS = [16, 8, 4] as const;

/** Bytes of all pictures of a case, [B, H, W, 3]. */
type Drawn = { readonly dims: readonly number[]; readonly data: Uint8Array };

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'wasm' },
    only: { type: 'string', default: '^(pipelines|embedded)/' },
    from: { type: 'string', default: '0' },
    out: { type: 'string' },
  },
});
const backend = values.backend === 'webgpu' ? 'webgpu' : 'wasm';
const only = new RegExp(values.only);
const root = join(import.meta.dirname, '..');
const reader = (folder: string) => async (path: string) =>
  new Uint8Array(await readFile(join(root, folder, path)));
const folder = new GoldenFolder(reader('test/goldens'), reader('models/emoji-64'));
const setting = { backend, precision: 'float32' } as const;
const all = await collectCases(folder, ['pipelines', 'embedded'], setting);
const isPicture = ({ name }: ConformanceCase): boolean =>
  /^pipelines\/(txt2img|img2img|inpaint|sdxl|controlnet)|^embedded/.test(name);
const cases = all.filter((each) => isPicture(each) && only.test(each.name));

const drawn = new Map<string, Drawn[]>();
for (const weightBits of BITS) {
  const { runtime } = await startRuntime({
    backend,
    allowSoftware: true,
    setting: { spelling: backend === 'webgpu' ? 'webgpu' : 'portable', precision: 'float32' },
    weightBits,
    quantiseFrom: Number(values.from),
  });
  for (const each of cases) {
    const known = drawn.get(each.name) ?? [];
    drawn.set(each.name, [...known, await pictureOf(each)]);
  }
  await runtime.dispose();

  async function pictureOf({ run }: ConformanceCase): Promise<Drawn> {
    const picture = (await run(runtime)).find(({ measure }) => measure === 'mean');
    if (picture === undefined) throw new Error('a case without a picture');
    const { dims, data } = picture.computed;
    return { dims, data: Uint8Array.from(data, (value) => Math.round(value * 255)) };
  }
}

const rows = [...drawn].map(([name, [whole, ...coarse]]) => [
  name,
  ...coarse.flatMap((each) => differences(each, whole as Drawn)),
]);
console.log(markdownTable(['case', '8: mean', '8: max', '4: mean', '4: max'], rows));
if (values.out !== undefined) {
  await mkdir(values.out, { recursive: true });
  for (const [name, pictures] of drawn) {
    const file = join(values.out, `${name.replaceAll('/', '-')}.png`);
    await writeFile(file, await sideBySide(pictures));
  }
}
process.exit(0);

function differences({ data }: Drawn, whole: Drawn): [mean: string, max: string] {
  const each = Array.from(data, (value, i) => Math.abs(value - (whole.data[i] ?? NaN)));
  const mean = each.reduce((sum, value) => sum + value, 0) / each.length;
  return [mean.toFixed(1), String(Math.max(...each))];
}

/** The first picture of each. */
async function sideBySide(pictures: readonly Drawn[]): Promise<Uint8Array> {
  const [height = 0, width = 0, channels = 0] = pictures[0]?.dims.slice(-3) ?? [];
  const rowBytes = width * channels;
  const data = new Uint8Array(height * rowBytes * pictures.length);
  for (const [i, picture] of pictures.entries()) {
    for (let y = 0; y < height; y++) {
      const row = picture.data.subarray(y * rowBytes, (y + 1) * rowBytes);
      data.set(row, (y * pictures.length + i) * rowBytes);
    }
  }
  return encodePng({ width: width * pictures.length, height, channels: 3, data });
}
