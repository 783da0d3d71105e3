/**
 * Textual inversion files as torch and safetensors write them, what transformers computes with them, and files that are
 * refused: nothing of a pickle is run.
 */

import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isEngineError } from '../../../src/errors.ts';
import { TextEncoder as ClipTextEncoder } from '../../../src/models/text-encoder.ts';
import { clipPoolMask } from '../../../src/networks/clip-embeddings.ts';
import type { ClipOutput } from '../../../src/networks/clip-text.ts';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { startWasmHost } from '../../../src/runtime/wasm-host.ts';
import { hostTensor, type HostTensor } from '../../../src/tensor/host-tensor.ts';
import { bufferSource } from '../../../src/weights/byte-source.ts';
import { readEmbedding, type Embedding } from '../../../src/weights/embedding.ts';
import { relativeError } from '../../../tools/conformance/case.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { readGolden } from '../../support/goldens.ts';

type Expected = {
  readonly ids: number[];
  readonly embedded: number[][];
  readonly state: number[][];
} & Readonly<Record<'three' | 'toy' | 'clip_l' | 'clip_g', number[][]>>;

const expected = JSON.parse(
  new TextDecoder().decode(await readGolden('embeddings/expected.json')),
) as Expected;

async function open(file: string, name?: string): Promise<Embedding> {
  const source = bufferSource(await readGolden(`embeddings/${file}`), `embeddings/${file}`);
  return readEmbedding(source, name === undefined ? {} : { name });
}

function rows({ dims: [, width = 0], data }: HostTensor): number[][] {
  return Array.from({ length: data.length / width }, (_, i) => [
    ...data.subarray(i * width, (i + 1) * width),
  ]);
}

function matrix(list: readonly (readonly number[])[]): HostTensor {
  return hostTensor(list.flat(), [list.length, list[0]?.length ?? 0]);
}

describe('a file', () => {
  test.each([
    ['a1111.pt', 'a1111', [expected.three]],
    ['a1111-parameter-dict.pt', 'a1111-parameter-dict', [expected.three]],
    ['a1111-half.pt', 'a1111-half', [expected.three]],
    ['a1111.safetensors', 'a1111', [expected.three]],
    ['diffusers.bin', '<toy>', [expected.toy]],
    ['diffusers.safetensors', '<toy>', [expected.toy]],
    ['sdxl.safetensors', 'sdxl', [expected.clip_l, expected.clip_g]],
  ] as const)('%s has its word and its vectors', async (file, name, vectors) => {
    const embedding = await open(file);
    expect(embedding.name).toBe(name);
    expect(embedding.vectors.map(rows)).toEqual(vectors);
  });

  test('in bfloat16 has them rounded', async () => {
    const [first] = (await open('sdxl.pt')).vectors;
    expect(first?.dims).toEqual([2, 48]);
    expect(
      relativeError({ computed: first as HostTensor, expected: matrix(expected.clip_l) }),
    ).toBeLessThan(4e-3);
  });

  test('gets another word when asked', async () => {
    expect((await open('diffusers.bin', 'my word')).name).toBe('my word');
  });
});

const readable = ['a1111.pt', 'a1111-parameter-dict.pt', 'diffusers.bin', 'sdxl.safetensors'];
const files = new Map(
  await Promise.all(
    readable.map(async (name) => [name, await readGolden(`embeddings/${name}`)] as const),
  ),
);
async function outcome(bytes: Uint8Array): Promise<unknown> {
  try {
    return (await readEmbedding(bufferSource(bytes, 'x.pt'))).vectors.length > 0;
  } catch (error) {
    return isEngineError(error) && error.message.includes('x.pt');
  }
}

describe('a file that is refused names itself and the reason', () => {
  test.each([
    [
      'evil.pt',
      'unsupported',
      /it names the Python object (posix|os)\.system, which no weights need; nothing of it was run/,
    ],
    ['evil-protocol-4.pt', 'unsupported', /it names the Python object (posix|os)\.system/],
    ['module.pt', 'unsupported', 'it names the Python object torch.nn.modules.linear.Linear'],
    ['legacy.pt', 'unsupported', 'was saved by a PyTorch before 1.6'],
    ['double.pt', 'unsupported', 'its elements are F64'],
    ['strided.pt', 'unsupported', 'its elements do not lie in order'],
    ['compressed.pt', 'unsupported', 'archive/data.pkl in embeddings/compressed.pt is compressed'],
    ['two.pt', 'model-malformed', 'its string_to_param does not hold one tensor'],
  ])('%s', async (file, code, reason) => {
    const opened = open(file);
    await expect(opened).rejects.toThrow(reason);
    await expect(opened).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`embeddings/${file}`) as string,
    });
    expect(existsSync('/tmp/pickle-was-run')).toBe(false);
  });

  test('a checkpoint of many tensors', async () => {
    const path = 'tiny-sd15/text_encoder/model.safetensors';
    const source = bufferSource(await readGolden(path), path);
    await expect(readEmbedding(source)).rejects.toThrow(
      /no textual inversion file: it holds \d+ tensors \(/,
    );
  });

  test.each(readable)('%s, cut anywhere', async (name) => {
    const bytes = files.get(name) as Uint8Array;
    for (let end = 0; end < bytes.length; end += 7) {
      const cut = readEmbedding(bufferSource(bytes.subarray(0, end), 'x.pt'));
      await expect(cut).rejects.toMatchObject({
        code: 'model-malformed',
        message: expect.stringContaining('x.pt') as string,
      });
    }
  });

  test.each(readable)('%s, or reads it, whatever bytes of it are changed', async (name) => {
    const bytes = files.get(name) as Uint8Array;
    const change = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const changed = bytes.slice();
        for (const [at, value] of changes) changed[at] = value;
        expect(await outcome(changed)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });
});

const folder = new GoldenFolder(readGolden);
const checkpoint = await folder.checkpoint('tiny-sd15/text_encoder');
const json = await folder.json('tiny-sd15/text_encoder/config.json');

describe('in the text encoder', () => {
  const { ids } = expected;
  const extraEmbeddings = matrix(expected.three);

  test('vectors take the places of ids beyond the vocabulary, as transformers has it', async () => {
    const runtime = new Runtime(await startWasmHost({ precision: 'float32' }));
    const encoder = new ClipTextEncoder(runtime, json, checkpoint);
    const outputs: ClipOutput[] = [
      { kind: 'hidden', name: 'embedded', layer: 0, normed: false },
      { kind: 'hidden', name: 'state', layer: -1, normed: true },
    ];
    const found = await encoder.encode(ids, 77, outputs, { extraEmbeddings });
    const flat = ({ data }: HostTensor): HostTensor => hostTensor(data, [77, 32]);
    expect(flat(found['embedded'] as HostTensor).data).toEqual(matrix(expected.embedded).data);
    const computed = flat(found['state'] as HostTensor);
    expect(relativeError({ computed, expected: matrix(expected.state) })).toBeLessThan(1e-5);

    await expect(encoder.encode(ids, 77, outputs)).rejects.toThrow(/must be from 0 to 2013/);
    const wide = { extraEmbeddings: hostTensor(new Float32Array(48), [1, 48]) };
    await expect(encoder.encode(ids, 77, outputs, wide)).rejects.toThrow("the encoder's width 32");
    await runtime.dispose();
  });

  test('the pooled state is still taken at the end token', () => {
    const encoder = new ClipTextEncoder(undefined as never, json, checkpoint);
    for (const endToken of [2, 2013]) {
      const mask = clipPoolMask({ ...encoder.config, endToken }, ids, 77);
      expect(mask.indexOf(1)).toBe(ids.indexOf(2013));
    }
  });
});
