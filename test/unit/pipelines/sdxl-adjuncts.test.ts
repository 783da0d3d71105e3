/**
 * SDXL with a LoRA in its three networks and a word of its own in both text encoders, against diffusers.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { DiffusionModel } from '../../../src/models/diffusion-model.ts';
import { partsOfFolder } from '../../../src/models/folder-parts.ts';
import { fitLoras, withLoras } from '../../../src/models/lora-parts.ts';
import { generate } from '../../../src/pipelines/generate.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startRuntime } from '../../../src/runtime/start.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import { readEmbedding } from '../../../src/weights/embedding.ts';
import { readLora } from '../../../src/weights/lora/lora-file.ts';
import { relativeError } from '../../../tools/conformance/case.ts';
import { modelFolder } from '../../../tools/conformance/pipelines-cases.ts';
import { goldenTensor } from '../../../tools/conformance/support.ts';
import { openGolden } from '../../../tools/goldens/golden-file.ts';
import { readGolden } from '../../support/goldens.ts';

const WORD = '<toy>';

let runtime: Runtime;
beforeAll(async () => {
  ({ runtime } = await startRuntime({ backend: 'wasm' }));
});
afterAll(() => runtime.dispose());

test.each([
  ['plain', undefined, 'a photo of a cat'],
  ['lora', 'kohya', 'a photo of a cat'],
  ['lora', 'diffusers', 'a photo of a cat'],
  ['toy', undefined, `a photo of ${WORD}`],
  ['toy-lora', 'kohya', `a photo of ${WORD}`],
] as const)('%s (LoRA under the names of: %s; prompt: %s)', async (name, style, prompt) => {
  const read = (file: string) => readGolden(`sdxl-adjuncts/${file}.safetensors`);
  const parts = await partsOfFolder(modelFolder('tiny-sdxl', readGolden, 'tiny-sdxl/'));
  const files = style === undefined ? [] : [bufferSource(await read(style), style)];
  const loras = await Promise.all(
    files.map(async (source) => ({
      file: await readLora(source),
      unetStrength: 0.8,
      textEncoderStrength: 0.8,
    })),
  );
  const fitted = fitLoras(parts, loras);
  expect([...fitted.unmatched.values()].flat()).toEqual([]);
  const embedding = await readEmbedding(bufferSource(await read('toy'), 'toy'), { name: WORD });
  const { latents } = await generate(new DiffusionModel(runtime, withLoras(parts, fitted)), {
    prompt,
    negativePrompt: 'blurry',
    promptSyntax: 'plain',
    width: 128,
    height: 128,
    steps: 3,
    guidanceScale: 7.5,
    seed: 8,
    scheduler: 'DDIMScheduler',
    schedulerConfig: {
      _class_name: 'DDIMScheduler',
      beta_end: 0.012,
      beta_schedule: 'scaled_linear',
      beta_start: 0.00085,
      clip_sample: false,
      set_alpha_to_one: false,
      steps_offset: 1,
    },
    embeddings: [embedding],
  });
  const golden = await openGolden(readGolden, 'sdxl-adjuncts/expected');
  const expected = goldenTensor(golden, `${name}/latent`);
  expect(relativeError({ computed: latents, expected })).toBeLessThan(1e-3);
});
