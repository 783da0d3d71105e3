/**
 * What LoRAs make of an open model: weights that change in place, or a variant where they cannot; and what they say of
 * themselves.
 */

import { describe, expect, it } from 'vitest';
import type { DownloadStore } from '../../../src/downloads/download-store.ts';
import { OpenModels, type NamedLora } from '../../../src/engine/adjuncts.ts';
import { shippedManifest, type AdjunctEntry } from '../../../src/models/manifest.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import type { WeightPatches } from '../../../src/weights/lora/tensor-patch.ts';
import { safetensorsFile } from '../../../src/weights/safetensors-writer.ts';

const ID = 'emoji-64';
const WIDTH = 128;
const IN_UNET = 'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q';
const IN_TEXT = 'lora_te_text_model_encoder_layers_0_self_attn_q_proj';
const NOWHERE = 'lora_unet_no_such_module';

/** Modules of the files by the ids of their entries; all changes are of rank 2. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  whole: [IN_UNET, IN_TEXT],
  partly: [IN_UNET, NOWHERE, ...Array.from({ length: 5 }, (_, i) => `${NOWHERE}_${i}`)],
  stranger: [NOWHERE],
};

const store = (): Promise<DownloadStore> =>
  Promise.resolve({
    download: ({ url }: { url: string }) => {
      const modules = FILES[new URL(url).pathname.slice(1)] ?? [];
      const tensor = (name: string, shape: number[]) => {
        return { name, dtype: 'float32', shape, bytes: new Uint8Array(8 * WIDTH) } as const;
      };
      const tensors = modules.flatMap((module) => [
        tensor(`${module}.lora_down.weight`, [2, WIDTH]),
        tensor(`${module}.lora_up.weight`, [WIDTH, 2]),
      ]);
      return Promise.resolve(bufferSource(safetensorsFile(tensors), url));
    },
  } as unknown as DownloadStore);

function lora(id: string, strength: number): NamedLora {
  const source = { kind: 'file', url: `https://example.com/${id}` } as const;
  const entry: AdjunctEntry = { id, kind: 'lora', name: id, source, licence: 'none' };
  return { entry, strength };
}

/** Models over a runtime that never runs: what it is told of weights is written down. */
async function open(canPatch: boolean) {
  const wanted = new Map<string, WeightPatches>();
  const released: string[] = [];
  const runtime = {
    canPatch,
    setPatches: (id: string, patches: WeightPatches) => void wanted.set(id, patches),
    releaseCheckpoint: (id: string) => Promise.resolve(void released.push(id)),
  } as unknown as Runtime;
  const models = new OpenModels(runtime);
  const entry = shippedManifest().models.find(({ id }) => id === ID);
  if (entry === undefined) throw new Error(`no ${ID}`);
  const plain = await models.open(entry, { store });
  const changed = (): string[] => [...wanted.values()].flatMap((patches) => [...patches.keys()]);
  const draw = (loras: readonly NamedLora[]) => models.model(ID, { loras }, { store });
  return { models, plain, changed, draw, wanted, released };
}

describe('LoRAs', () => {
  it('are laid over the weights of the one model where those can change, and taken away again', async () => {
    const { models, plain, changed, draw, released } = await open(true);
    const unet = 'mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight';
    const text = 'text_model.encoder.layers.0.self_attn.q_proj.weight';
    for (const [loras, names] of [
      [[lora('whole', 1)], [unet, text]],
      [
        [lora('whole', 0.5), lora('partly', 1)],
        [unet, text],
      ],
      [[{ ...lora('whole', 0), textEncoderStrength: 1 }], [text]],
      [[lora('whole', 0)], []],
      [[lora('partly', 1)], [unet]],
      [[], []],
    ] as const) {
      const { model } = await draw(loras);
      expect(model).toBe(plain);
      expect(changed().toSorted()).toEqual([...names].toSorted());
    }
    expect(released).toEqual([]);
    await draw([lora('whole', 1)]);
    await models.close(ID);
    expect(changed()).toEqual([]);
  });

  it('make another model where they cannot, under identities of its own', async () => {
    const { plain, wanted, draw, released } = await open(false);
    const { model } = await draw([lora('whole', 1)]);
    const own = model.checkpointIds.filter((id) => !plain.checkpointIds.includes(id));
    expect(own).toHaveLength(2);
    expect((await draw([lora('whole', 1)])).model).toBe(model);
    expect((await draw([lora('whole', 0)])).model).toBe(plain);
    await draw([lora('whole', 0.5)]);
    expect(released).toEqual(own);
    expect(wanted.size).toBe(0);
  });

  it.each([true, false])(
    'say which of their keys match nothing (in place: %s)',
    async (canPatch) => {
      const { draw } = await open(canPatch);
      expect((await draw([lora('whole', 1)])).warnings).toEqual([]);
      // Each time, not only when it is new.
      for (const strength of [1, 1, 0.5]) {
        const { warnings } = await draw([lora('whole', 1), lora('partly', strength)]);
        expect(warnings).toEqual([
          expect.stringMatching(
            /^12 keys of the LoRA partly match nothing in emoji-64 and had no effect: lora_unet_no_such_module\.lora_down\.weight, .* and 4 more$/,
          ),
        ]);
      }
      await expect(draw([lora('stranger', 1)])).rejects.toMatchObject({
        code: 'weights-mismatch',
        message: expect.stringContaining('stranger is for another kind of model') as string,
      });
    },
  );
});
