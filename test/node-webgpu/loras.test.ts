/**
 * LoRAs on WebGPU lie in the weights that are there: one identity, one session, whatever the strength, and whichever device.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { DiffusionModel } from '../../src/models/diffusion-model.ts';
import { partsOfFolder } from '../../src/models/folder-parts.ts';
import type { TextEncoder as ClipTextEncoder } from '../../src/models/text-encoder.ts';
import { fitLoras, setLoras } from '../../src/models/lora-parts.ts';
import type { ModelParts } from '../../src/models/model-parts.ts';
import type { ClipOutput } from '../../src/networks/clip-text.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import type { WebGpuBackend } from '../../src/runtime/webgpu-backend.ts';
import type { HostTensor } from '../../src/tensor/host-tensor.ts';
import { bufferSource } from '../../src/weights/byte-source.ts';
import { readLora } from '../../src/weights/lora/lora-file.ts';
import { relativeError } from '../../tools/conformance/case.ts';
import { modelFolder } from '../../tools/conformance/pipelines-cases.ts';
import { goldenTensor } from '../../tools/conformance/support.ts';
import { openGolden } from '../../tools/goldens/golden-file.ts';
import { readGolden } from '../support/goldens.ts';
import { softwareRuntime } from '../support/software-runtime.ts';

const TOKENS = 77;
const OUTPUT: ClipOutput = { kind: 'hidden', name: 'state', layer: -1, normed: true };

let runtime: Runtime;
let model: DiffusionModel;
let parts: ModelParts;
let ids: Int32Array;

beforeAll(async () => {
  runtime = await softwareRuntime();
  parts = await partsOfFolder(modelFolder('tiny-sd15', readGolden, 'tiny-sd15/'));
  model = new DiffusionModel(runtime, parts);
  ids = (await openGolden(readGolden, 'parts')).int32('text/ids').data.subarray(0, 2 * TOKENS);
});
afterAll(() => runtime.dispose());

async function encode(): Promise<HostTensor> {
  const { state } = await model.texts[0].encoder.encode(ids, TOKENS, [OUTPUT]);
  return state as HostTensor;
}

/** Lays `lora-a` and `lora-b` over the model, each at its strength; 0 is none. */
async function lay(a: number, b: number): Promise<void> {
  const open = async (name: string, strength: number) => ({
    file: await readLora(bufferSource(await readGolden(name), name)),
    unetStrength: strength,
    textEncoderStrength: strength,
  });
  const files = [await open('lora-a.safetensors', a), await open('lora-b.safetensors', b)];
  setLoras(runtime, parts, fitLoras(parts, files));
}

/** The encoder's session; each has one of these of its own. */
function session(): Promise<object> {
  const { stage } = model.texts[0].encoder as ClipTextEncoder;
  const inputs = { embeddings: { dims: [2, TOKENS, model.texts[0].encoder.config.width] } };
  return runtime.backend.prepare(runtime.fit(stage, [OUTPUT], inputs).graph);
}

test('come, change and go without a session or another weight, and outlive the device', async () => {
  const base = await encode();
  const first = await session();
  const { backend } = runtime;
  const resident = backend.residentBytes;

  const sent: number[] = [];
  const drawn: HostTensor[] = [];
  for (const [a, b] of [
    [0.8, 0],
    [0.5, 0],
    [0, 0.8],
    [0.8, 0],
    [0, 0],
  ] as const) {
    const before = backend.uploadedBytes;
    await lay(a, b);
    drawn.push(await encode());
    sent.push(backend.uploadedBytes - before);
    expect(await session()).toBe(first);
    expect(backend.residentBytes).toBe(resident);
  }
  const golden = await openGolden(readGolden, 'pipelines');
  for (const [i, name] of [
    [0, 'lora-a'],
    [2, 'lora-b'],
  ] as const) {
    const expected = goldenTensor(golden, `${name}/context`);
    expect(relativeError({ computed: drawn[i] as HostTensor, expected })).toBeLessThan(1e-4);
  }
  expect(drawn[1]?.data).not.toEqual(drawn[0]?.data);
  expect(drawn[3]?.data).toEqual(drawn[0]?.data);
  expect(drawn[4]?.data).toEqual(base.data);
  // The attention matrices alone, of all that the encoder has.
  expect(Math.max(...sent)).toBeLessThan(resident);
  expect(sent[1]).toBe(sent[0]);
  expect(sent[4]).toBeLessThan(sent[0] ?? 0);

  await lay(0.8, 0);
  (backend as WebGpuBackend).gpu.device.destroy();
  expect((await encode()).data).toEqual(drawn[0]?.data);
  expect(runtime.backend).not.toBe(backend);
});
