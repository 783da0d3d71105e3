/**
 * Whether requests' features do to pictures what they say, measured over twenty pictures of the embedded model on wasm: edges
 * that follow a ControlNet's hint, words weighted up and down, a LoRA's strength.
 *
 * Run: npm run bench -- embedded-features
 */

import { Client } from '../src/api/client.ts';
import { Engine } from '../src/engine/engine.ts';
import { decodeImage } from '../src/image/decode.ts';
import { canny } from '../src/image/hints/canny.ts';
import type { Picture } from '../src/image/picture.ts';
import { encodePng } from '../src/image/png.ts';
import { shippedManifest } from '../src/models/manifest.ts';
import { edgeOverlap } from '../test/support/picture-measures.ts';

const COUNT = 20;
const SUBJECTS = [
  'rocket',
  'house',
  'panda',
  'fish',
  'robot',
  'mushroom',
  'key',
  'crown',
  'star',
  'owl',
];

let latest = new Uint8Array();
const client = new Client(
  () => Engine.start({ backend: 'wasm' }),
  shippedManifest(),
  (png) => {
    latest = png;
    return Promise.resolve('kept');
  },
);

const body = {
  width: 64,
  height: 64,
  num_inference_steps: 12,
  guidance_scale: 4,
  scheduler: 'UniPCMultistepScheduler',
};

async function draw(fields: object, isControlled = false): Promise<Picture> {
  const all = { ...body, ...fields };
  const reply = isControlled ? await client.controlnet(all) : await client.textToImage(all);
  if (reply.status !== 'success') throw new Error(JSON.stringify(reply));
  return decodeImage(new Blob([latest]), 'picture');
}

/** How much bluer than red and green the outermost pixels are, in bytes. */
function blueOfBorder({ width, height, channels, data }: Picture): number {
  let [sum, count] = [0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (x > 1 && y > 1 && x < width - 2 && y < height - 2) continue;
      const at = (y * width + x) * channels;
      sum += (data[at + 2] ?? 0) - ((data[at] ?? 0) + (data[at + 1] ?? 0)) / 2;
      count++;
    }
  }
  return sum / count;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
/** Mean and its standard error. */
function withError(values: readonly number[]): string {
  const middle = mean(values);
  const variance = mean(values.map((value) => (value - middle) ** 2));
  const error = Math.sqrt(variance / (values.length - 1));
  return `${middle.toFixed(1)} +- ${error.toFixed(1)}`;
}

const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;

const [free, guided]: [number[], number[]] = [[], []];
for (let i = 0; i < COUNT; i++) {
  const subject = SUBJECTS[i % SUBJECTS.length] ?? '';
  const model = await draw({ prompt: `a flat ${subject} on a white background`, seed: 100 + i });
  const edges = canny(model);
  const png = Buffer.from(await encodePng(edges, {})).toString('base64');
  const prompt = `a glossy ${subject} on a green background`;
  const control = { controlnet_model: 'emoji-canny', control_image: png, auto_hint: 'no' };
  free.push(edgeOverlap(edges, canny(await draw({ prompt, seed: i }))));
  guided.push(edgeOverlap(edges, canny(await draw({ prompt, seed: i, ...control }, true))));
}
console.log(`edges of the hint met, over ${COUNT} pictures:`);
console.log(`  without the ControlNet ${percent(mean(free))}, with it ${percent(mean(guided))}`);
console.log(
  `  more with it in ${guided.filter((each, i) => each > (free[i] ?? 1)).length} of ${COUNT}`,
);

/** Fills the 75 tokens of a text: no padding is left that repeats which colour was read last. */
const many = (word: string): string => Array(34).fill(word).join(' ');
const PROMPTS: Readonly<Record<string, (weight: number) => string>> = {
  'a fox on a (blue ... blue:W) red ... red background': (w) =>
    `a fox on a (${many('blue')}:${w}) ${many('red')} background`,
  'a fox on a blue ... blue (red ... red:W) background': (w) =>
    `a fox on a ${many('blue')} (${many('red')}:${w}) background`,
  'a fox on a (blue background:W)': (w) => `a fox on a (blue background:${w})`,
};
const WEIGHTS = [0.6, 1, 1.4];
console.log(
  `blue of the border beyond its red and green, over ${COUNT} seeds, with standard errors:`,
);
for (const [name, promptAt] of Object.entries(PROMPTS)) {
  const blues = new Map<number, number[]>();
  for (const weight of WEIGHTS) {
    const values: number[] = [];
    for (let seed = 0; seed < COUNT; seed++) {
      values.push(blueOfBorder(await draw({ prompt: promptAt(weight), seed })));
    }
    blues.set(weight, values);
  }
  const [low = [], , high = []] = [...blues.values()];
  const paired = high.map((value, i) => value - (low[i] ?? 0));
  console.log(`  ${name}`);
  for (const [weight, values] of blues) console.log(`    W ${weight}: ${withError(values)}`);
  console.log(
    `    1.4 less 0.6: ${withError(paired)}, up in ${paired.filter((each) => each > 0).length} of ${COUNT}`,
  );
}
await client.dispose();
