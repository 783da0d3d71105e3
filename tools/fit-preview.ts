/**
 * Fits the embedded model's preview map: the linear map, with a bias, from latent channels to the colours of the decoded
 * picture, by least squares over pictures that the model draws itself. Prints it as models-manifest.json has it.
 *
 * Run: npx tsx tools/fit-preview.ts
 */

import { DiffusionModel } from '../src/models/diffusion-model.ts';
import { embeddedFolder } from '../src/models/embedded-model.ts';
import { generate } from '../src/pipelines/generate.ts';
import { startRuntime } from '../src/runtime/start.ts';
import { solve } from '../src/samplers/linear-system.ts';
import type { HostTensor } from '../src/tensor/host-tensor.ts';

const COLOURS = 'white black gray red orange yellow green blue purple pink brown cyan'.split(' ');
const SUBJECTS = [
  'cat face',
  'red apple',
  'rocket',
  'panda',
  'house',
  'frog',
  'octopus',
  'castle',
  'rainbow',
  'ghost',
  'pizza',
  'tulip',
];
const STYLES = ['glossy', 'flat', 'cartoon'];
const EDGE = 64;

const { runtime } = await startRuntime({ backend: 'wasm' });
const model = await DiffusionModel.open(runtime, embeddedFolder());

/** Rows [channels..., 1] and the colours that belong to them, as sums of products. */
const unknowns = model.vae.config.latentChannels + 1;
const normal = Array.from({ length: unknowns }, () => Array<number>(unknowns).fill(0));
const right = Array.from({ length: 3 }, () => Array<number>(unknowns).fill(0));
let squares = 0;
let count = 0;
const sums = [0, 0, 0];

let seed = 0;
for (const subject of SUBJECTS) {
  for (const colour of COLOURS) {
    const style = STYLES[seed % STYLES.length] ?? '';
    const { latents, images } = await generate(model, {
      prompt: `a ${style} ${subject} on a ${colour} background`,
      width: EDGE,
      height: EDGE,
      steps: 6,
      guidanceScale: 4,
      seed: seed++,
      scheduler: 'UniPCMultistepScheduler',
    });
    take(latents, images, model.vae.scale);
  }
  process.stderr.write(`${subject} `);
}
const solutions = right.map((values) => solve(normal, values));
// Both sums have the same normal equations: what the fit explains is solution times right side.
const explained = solutions.reduce(
  (sum, solution, i) => sum + solution.reduce((dot, x, j) => dot + x * (right[i]?.[j] ?? 0), 0),
  0,
);
const means = sums.reduce((sum, each) => sum + each ** 2 / count, 0);
const rSquared = 1 - (squares - explained) / (squares - means);
const round = (x: number | undefined): number => Math.round((x ?? 0) * 1e4) / 1e4;
process.stderr.write(`\nR squared ${rSquared.toFixed(4)} over ${seed} pictures\n`);
console.log(
  JSON.stringify({
    factors: Array.from({ length: unknowns - 1 }, (_, i) => solutions.map((x) => round(x[i]))),
    bias: solutions.map((x) => round(x[unknowns - 1])),
  }),
);
await runtime.dispose();

function take(latents: HostTensor, images: HostTensor, scale: number): void {
  const [, channels = 0, height = 0, width = 0] = latents.dims;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const row = Array.from({ length: unknowns }, (_, c) =>
        c < channels ? (latents.data[(c * height + y) * width + x] ?? 0) : 1,
      );
      const colours = [0, 1, 2].map((c) => meanColour(images, c, y * scale, x * scale, scale));
      for (const [i, a] of row.entries()) {
        for (const [j, b] of row.entries())
          (normal[i] as number[])[j] = (normal[i]?.[j] ?? 0) + a * b;
        for (const [c, value] of colours.entries())
          (right[c] as number[])[i] = (right[c]?.[i] ?? 0) + a * value;
      }
      for (const [c, value] of colours.entries()) {
        squares += value ** 2;
        sums[c] = (sums[c] ?? 0) + value;
      }
      count++;
    }
  }
}

/** Mean of a square of one colour, in [-1, 1]. */
function meanColour(
  images: HostTensor,
  colour: number,
  top: number,
  left: number,
  edge: number,
): number {
  let sum = 0;
  for (let y = top; y < top + edge; y++) {
    for (let x = left; x < left + edge; x++)
      sum += images.data[(colour * EDGE + y) * EDGE + x] ?? 0;
  }
  return (sum / edge ** 2) * 2 - 1;
}
