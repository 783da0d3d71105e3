/**
 * LoRAs laid over weights in their buffers: the numbers that LyCORIS, PEFT and diffusers make, written and taken away without
 * touching anything else.
 */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GpuLedger } from '../../../src/runtime/gpu/ledger.ts';
import { arraysOf, type GpuWeight } from '../../../src/runtime/gpu/weight-slot.ts';
import { GpuWeightStore } from '../../../src/runtime/gpu/weight-store.ts';
import { float16ToFloat32Array } from '../../../src/tensor/float16.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import type { Checkpoint, TensorEntry } from '../../../src/weights/checkpoint.ts';
import { laidOut } from '../../../src/weights/lay-out.ts';
import { canQuantise } from '../../../src/weights/layout.ts';
import { fitLora, type FittedLora } from '../../../src/weights/lora/fit-lora.ts';
import { readLora } from '../../../src/weights/lora/lora-file.ts';
import { withLora } from '../../../src/weights/lora/patched-checkpoint.ts';
import { weightPatches, type LoraStrength } from '../../../src/weights/lora/tensor-patch.ts';
import { relativeError } from '../../../tools/conformance/case.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { openGolden } from '../../../tools/goldens/golden-file.ts';
import { readGolden } from '../../support/goldens.ts';
import { openTestDevice, readBuffer } from '../../support/gpu.ts';
import { WatchedSource } from '../../support/memory-source.ts';

const folder = new GoldenFolder(readGolden);
const unet = await folder.checkpoint('tiny-sd15/unet');
const text = await folder.checkpoint('tiny-sd15/text_encoder');
const expected = await openGolden(readGolden, 'loras/expected');

const STORED = { dtype: 'float32', layout: 'stored' } as const;
const CONV = 'down_blocks.0.resnets.0.conv1.weight';
const LINEAR = 'down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight';

let device: GPUDevice;
let ledger: GpuLedger;
let close: () => void;
let store: GpuWeightStore;

beforeAll(async () => {
  ({ device, ledger, close } = await openTestDevice());
});
afterAll(() => close());

beforeEach(() => {
  // A few rows of these small weights at a time.
  store = new GpuWeightStore(device, { chunkBytes: 4096, maxBytesInFlight: 64 * 1024 });
});

afterEach(() => {
  store.dispose();
  if (ledger.liveBytes > 0) throw new Error(`${ledger.liveBytes} bytes are left`);
});

async function fitted(name: string): Promise<FittedLora> {
  const path = `loras/${name}.safetensors`;
  return fitLora(await readLora(bufferSource(await readGolden(path), path)), {
    unet,
    texts: [text],
  });
}

function entryOf({ tensors }: Checkpoint, name: string): TensorEntry {
  const entry = tensors.get(name);
  if (entry === undefined) throw new Error(`no ${name}`);
  return entry;
}

async function floats(weight: GpuWeight): Promise<Float32Array<ArrayBuffer>> {
  const bytes = (await readBuffer(device, weight.buffer)).slice(0, weight.byteLength);
  return weight.dtype === 'float32'
    ? new Float32Array(bytes.buffer)
    : float16ToFloat32Array(new Uint16Array(bytes.buffer));
}

function lay(checkpoint: Checkpoint, loras: readonly LoraStrength[]): void {
  store.setPatches(checkpoint.id, weightPatches(checkpoint, loras));
}

describe('a weight patched while it is loaded', () => {
  const names = expected.names.map((name) => {
    const [file = '', strength = '', ...rest] = name.split('/');
    return { name, file, strength: Number(strength), tensor: rest.join('/') };
  });

  it.each(names)('$name', async ({ name, file, strength, tensor }) => {
    const lora = await fitted(file);
    const checkpoint = tensor.startsWith('text_model.') ? text : unet;
    lay(checkpoint, [{ lora, strength }]);
    const weight = await store.acquire(checkpoint.id, entryOf(checkpoint, tensor), STORED);
    const { shape, data } = expected.float32(name);
    const computed = hostTensor(await floats(weight), shape);
    expect(relativeError({ computed, expected: hostTensor(data, shape) })).toBeLessThan(1e-6);
  });

  it.each(['lora', 'dora-out', 'loha', 'lokr'])(
    'has the layout and the format of its graph: %s',
    async (file) => {
      const lora = await fitted(file);
      for (const strength of [0.7, -1]) {
        lay(unet, [{ lora, strength }]);
        const changed = withLora(unet, [{ lora, strength }]);
        for (const name of new Set(lora.patches.map(({ tensor }) => tensor))) {
          const entry = unet.tensors.get(name);
          if (entry === undefined) continue;
          const isMatrix = entry.shape.length === 2;
          for (const layout of isMatrix
            ? (['stored', 'transposed'] as const)
            : ['stored' as const]) {
            for (const dtype of ['float32', 'float16'] as const) {
              const weight = await store.acquire(unet.id, entry, { dtype, layout });
              const [bytes] = await laidOut(entryOf(changed, name), { dtype: 'float32', layout });
              const reference = new Float32Array(bytes.slice().buffer);
              const shape = [reference.length];
              const error = relativeError({
                computed: hostTensor(await floats(weight), shape),
                expected: hostTensor(reference, shape),
              });
              // Halves are rounded once: at most half a unit of the last of 11 bits.
              expect(error).toBeLessThan(dtype === 'float32' ? 1e-6 : 2 ** -11);
              store.release(weight);
            }
          }
        }
      }
    },
  );
});

describe('a quantised weight', () => {
  const codesOf = (bytes: Uint8Array, bits: 8 | 4): number[] =>
    bits === 8 ? [...bytes] : [...bytes].flatMap((byte) => [byte & 15, byte >> 4]);

  it.each([
    ['lora', 8],
    ['lora', 4],
    // Computed on the CPU, since it needs whole columns.
    ['dora-in', 8],
    ['dora-in', 4],
  ] as const)(
    'has codes of the patched numbers, and its own again: %s, %i bits',
    async (file, bits) => {
      const strengths = [{ lora: await fitted(file), strength: 1 }];
      const checkpoint = weightPatches(text, strengths).size > 0 ? text : unet;
      const name =
        [...weightPatches(checkpoint, strengths).keys()].find((each) => {
          const { shape } = entryOf(checkpoint, each);
          return shape.length === 2 && canQuantise(shape);
        }) ?? '';
      const form = { dtype: 'float32', layout: `quantised${bits}` } as const;
      const entry = entryOf(checkpoint, name);
      const before = await laidOut(entry, form);
      const [codes, scales] = await laidOut(entryOf(withLora(checkpoint, strengths), name), form);
      lay(checkpoint, strengths);
      const weight = await store.acquire(checkpoint.id, entry, form);
      const held = (): Promise<Uint8Array[]> =>
        Promise.all(
          arraysOf(weight).map(async ({ buffer, byteLength }) =>
            (await readBuffer(device, buffer)).slice(0, byteLength),
          ),
        );
      const [drawn = codes, drawnScales = codes] = await held();
      const off = (expectedCodes: Uint8Array): number => {
        const others = codesOf(expectedCodes, bits);
        const distances = codesOf(drawn, bits).map((code, i) =>
          Math.abs(code - (others[i] ?? NaN)),
        );
        return Math.max(...distances);
      };
      // The numbers differ in their last bits, which may round to the next code.
      expect(off(codes)).toBeLessThanOrEqual(1);
      expect(off(before[0])).toBeGreaterThan(1);
      const [computed, reference] = [drawnScales, scales ?? codes].map((bytes) => {
        const values = new Float32Array(bytes.slice().buffer);
        return hostTensor(values, [values.length]);
      }) as [HostTensor, HostTensor];
      // Scales are halves.
      expect(relativeError({ computed, expected: reference })).toBeLessThan(2 ** -10);

      lay(checkpoint, []);
      await store.refresh([weight]);
      expect(await held()).toEqual(before);
    },
  );
});

describe('weights patched in place', () => {
  /** All tensors of the UNet that a LoRA changes, and one that it does not, as graphs hold them. */
  async function holdAll(lora: FittedLora): Promise<GpuWeight[]> {
    const touched = [...weightPatches(unet, [{ lora, strength: 1 }]).keys()];
    const requests = [...touched, 'conv_out.bias'].map((name) => ({
      checkpointId: unet.id,
      entry: entryOf(unet, name),
      dtype: 'float16' as const,
      layout: 'stored' as const,
    }));
    return store.acquireAll(requests);
  }

  const contents = (weights: readonly GpuWeight[]): Promise<Uint8Array[]> =>
    Promise.all(weights.map(({ buffer }) => readBuffer(device, buffer)));

  it('change with strength, and are as before to the bit once it is 0 or gone', async () => {
    const [lora, loha] = [await fitted('lora'), await fitted('loha')];
    const weights = await holdAll(lora);
    const buffers = weights.map(({ buffer }) => buffer);
    const base = await contents(weights);
    const resident = ledger.bytesOf('weights');
    const seen: Uint8Array[][] = [];
    for (const strength of [1, 0.5, 1]) {
      lay(unet, [{ lora, strength }]);
      await store.refresh(weights);
      seen.push(await contents(weights));
    }
    expect(seen[0]).not.toEqual(base);
    expect(seen[1]).not.toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
    lay(unet, [
      { lora, strength: 1 },
      { lora: loha, strength: 1 },
    ]);
    await store.refresh(weights);
    expect(await contents(weights)).not.toEqual(seen[0]);
    lay(unet, [{ lora, strength: 0 }]);
    await store.refresh(weights);
    expect(await contents(weights)).toEqual(base);
    expect(weights.map(({ buffer }) => buffer)).toEqual(buffers);
    expect(ledger.bytesOf('weights')).toBe(resident);
  });

  it('send the touched tensors and what changes them, and nothing of the others', async () => {
    const lora = await fitted('lora');
    const weights = await holdAll(lora);
    const touched = weights.slice(0, -1);
    const entries = [...weightPatches(unet, [{ lora, strength: 1 }]).keys()];
    const bytes = entries.reduce((sum, name) => sum + entryOf(unet, name).byteLength, 0);
    const before = store.uploadedBytes;
    lay(unet, [{ lora, strength: 1 }]);
    expect(store.uploadedBytes).toBe(before);
    await store.refresh(weights.slice(-1));
    expect(store.uploadedBytes).toBe(before);
    const progress: [number, number][] = [];
    await store.refresh(weights, { onProgress: (...each) => progress.push(each) });
    const deltas = await Promise.all(
      lora.patches.filter(({ checkpointId }) => checkpointId === unet.id).map(({ load }) => load()),
    );
    const factors = deltas.reduce((sum, { form }) => {
      if (form.kind !== 'matrix' || form.matrix.kind !== 'product') throw new Error('no LoRA');
      return sum + 4 * (form.matrix.left.length + form.matrix.right.length);
    }, 0);
    const sent = store.uploadedBytes - before;
    expect(sent).toBeGreaterThanOrEqual(bytes + factors);
    // The right matrix goes with each chunk of rows.
    expect(sent).toBeLessThan(bytes + 16 * factors);
    expect(progress.at(-1)).toEqual([bytes, bytes]);
    // Known strengths touch nothing.
    lay(unet, [{ lora, strength: 1 }]);
    await store.refresh(weights);
    expect(store.uploadedBytes - before).toBe(sent);
    lay(unet, []);
    await store.refresh(touched);
    expect(store.uploadedBytes - before).toBe(sent + bytes);
  });

  it('are made good by the next use after one that was aborted or failed half way', async () => {
    const lora = await fitted('lora');
    const raw = await readGolden('tiny-sd15/unet/diffusion_pytorch_model.safetensors');
    const source = new WatchedSource(raw);
    const watched = (name: string): TensorEntry => ({ ...entryOf(unet, name), source });
    const requests = [LINEAR, CONV].map((name) => {
      return { checkpointId: unet.id, entry: watched(name), ...STORED };
    });
    const weights = await store.acquireAll(requests);
    const base = await contents(weights);
    lay(unet, [{ lora, strength: 1 }]);
    await store.refresh(weights);
    const whole = await contents(weights);
    lay(unet, []);
    await store.refresh(weights);

    const controller = new AbortController();
    const reason = new DOMException('enough', 'AbortError');
    let reads = 0;
    source.onRead = () => {
      reads += 1;
      if (reads === 2) controller.abort(reason);
    };
    lay(unet, [{ lora, strength: 1 }]);
    await expect(store.refresh(weights, { signal: controller.signal })).rejects.toBe(reason);
    source.onRead = () => {};
    await store.refresh(weights);
    expect(await contents(weights)).toEqual(whole);

    reads = 0;
    source.onRead = () => {
      reads += 1;
      if (reads === 2) throw new Error('the disk is gone');
    };
    lay(unet, []);
    await expect(store.refresh(weights)).rejects.toThrow('the disk is gone');
    source.onRead = () => {};
    await store.refresh(weights);
    expect(await contents(weights)).toEqual(base);
  });

  it('stay wanted while the checkpoint is away, and within the bound of bytes in flight', async () => {
    const lora = await fitted('lora');
    lay(unet, [{ lora, strength: 1 }]);
    const patched = await contents(await holdAll(lora));
    store.releaseCheckpoint(unet.id);
    expect(store.residentBytes).toBe(0);
    expect(await contents(await holdAll(lora))).toEqual(patched);
    expect(store.peakBytesInFlight).toBeLessThanOrEqual(64 * 1024);
  });
});
