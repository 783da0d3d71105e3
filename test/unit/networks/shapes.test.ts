/**
 * The shape that a graph declares for each of its values, against the shape that onnxruntime computes.
 *
 * Costs, limits and memory are told from declared shapes alone, so they must be true. Every value becomes an
 * output: serialised protobuf messages merge when they are joined, and so do their lists.
 */

import { describe, expect, test } from 'vitest';
import type { GraphModule } from '../../../src/graph/builder.ts';
import { evaluateDim, type Bindings } from '../../../src/graph/dim.ts';
import { encodeModel } from '../../../src/graph/proto.ts';
import { clipTextGraph, parseClipTextConfig } from '../../../src/networks/clip-text.ts';
import type { JsonConfig } from '../../../src/networks/config.ts';
import { controlNetGraph } from '../../../src/networks/controlnet.ts';
import type { NetworkOptions } from '../../../src/networks/network.ts';
import { tinyVaeDecoderGraph, tinyVaeEncoderGraph } from '../../../src/networks/tiny-vae.ts';
import { parseControlNetConfig, parseUNetConfig } from '../../../src/networks/unet-config.ts';
import { unetGraph } from '../../../src/networks/unet.ts';
import { parseTinyVaeConfig, parseVaeConfig } from '../../../src/networks/vae-config.ts';
import { vaeDecoderGraph, vaeEncoderGraph } from '../../../src/networks/vae.ts';
import { loadOrt } from '../../../src/runtime/ort.ts';
import type { Checkpoint } from '../../../src/weights/checkpoint.ts';
import { laidOut } from '../../../src/weights/lay-out.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { readGolden } from '../../support/goldens.ts';

type Write = (config: JsonConfig, checkpoint: Checkpoint, options: NetworkOptions) => GraphModule;

const folder = new GoldenFolder(readGolden);
const EVEN: Bindings = { B: 2, H: 16, W: 8, T: 7 };
const ODD: Bindings = { B: 1, H: 13, W: 10, T: 77 };

const unet: Write = (config, checkpoint, options) =>
  unetGraph(parseUNetConfig(config), checkpoint, { ...options, controlNets: 1 });
const raggedUNet: Write = (config, checkpoint, options) =>
  unetGraph(parseUNetConfig(config), checkpoint, { ...options, isRagged: true, controlNets: 1 });
const controlNet: Write = (config, checkpoint, options) =>
  controlNetGraph(parseControlNetConfig(config), checkpoint, { ...options, isRagged: true });
const pooledControlNet: Write = (config, checkpoint, options) =>
  controlNet({ ...config, global_pool_conditions: true }, checkpoint, options);
const decoder: Write = (config, checkpoint, options) =>
  vaeDecoderGraph(parseVaeConfig(config), checkpoint, options);
const encoder: Write = (config, checkpoint, options) =>
  vaeEncoderGraph(parseVaeConfig(config), checkpoint, options);
const tinyDecoder: Write = (config, checkpoint, options) =>
  tinyVaeDecoderGraph(parseTinyVaeConfig(config), checkpoint, options);
const tinyEncoder: Write = (config, checkpoint, options) =>
  tinyVaeEncoderGraph(parseTinyVaeConfig(config), checkpoint, options);
const text: Write = (config, checkpoint, options) =>
  clipTextGraph(parseClipTextConfig(config), checkpoint, {
    ...options,
    outputs: [
      { kind: 'hidden', name: 'penultimate', layer: -2, normed: false },
      { kind: 'pooled', name: 'pooled', projected: true },
    ],
  });

const ROWS: readonly (readonly [string, string, Write, Bindings, number])[] = [
  ['a UNet', 'tiny-sd15/unet', unet, EVEN, 1],
  ['a UNet in pieces', 'tiny-sd15/unet', unet, EVEN, 2],
  ['a UNet of odd sizes', 'tiny-sd15/unet', raggedUNet, ODD, 1],
  ['an inpainting UNet', 'tiny-inpaint/unet', unet, EVEN, 1],
  ['an SDXL UNet', 'tiny-sdxl/unet', unet, EVEN, 1],
  ['a ControlNet', 'tiny-controlnet', controlNet, ODD, 1],
  ['a ControlNet that pools', 'tiny-controlnet', pooledControlNet, ODD, 1],
  ['a decoder', 'tiny-sd15/vae', decoder, EVEN, 1],
  ['a decoder in uneven pieces', 'tiny-sd15/vae', decoder, ODD, 4],
  ['an encoder', 'tiny-sd15/vae', encoder, ODD, 1],
  ['a tiny decoder', 'tiny-taesd', tinyDecoder, ODD, 1],
  ['a tiny encoder', 'tiny-taesd', tinyEncoder, ODD, 1],
  ['a text encoder', 'tiny-sdxl/text_encoder_2', text, EVEN, 1],
];

describe('every value', () => {
  test.each(ROWS)('of %s (%s) has its shape', async (_, path, write, bindings, chunks) => {
    const checkpoint = await folder.checkpoint(path);
    const graph = write(await folder.json(`${path}/config.json`), checkpoint, {
      spelling: 'portable',
      dtype: 'float32',
      attentionChunks: () => chunks,
    });
    const expected = Object.fromEntries(
      graph.nodes.flatMap(({ results }) =>
        results.map(({ name, shape }) => [name, shape.map((dim) => evaluateDim(dim, bindings))]),
      ),
    );
    expect(await shapesByRuntime(graph, bindings)).toEqual(expected);
  });
});

/** Runs a graph on zeros, and gives the dimensions of everything that a node computes. */
async function shapesByRuntime(graph: GraphModule, bindings: Bindings) {
  const isOutput = new Set(graph.outputs.map(({ name }) => name));
  const inner = graph.nodes.flatMap(({ results }) =>
    results.filter(({ name }) => !isOutput.has(name)),
  );
  const nothing = { nodes: [], inputs: [], initializers: [], opsets: {} };
  const more = encodeModel({ ...nothing, name: graph.name, outputs: inner });
  const model = new Uint8Array(graph.model.length + more.length);
  model.set(graph.model);
  model.set(more, graph.model.length);

  const ort = await loadOrt('wasm');
  const external = await Promise.all(
    graph.weights.map(async ({ entry, dtype, layout, values }) => {
      const arrays = await laidOut(entry, { dtype, layout });
      return arrays.map((data, i) => ({ path: values[i]!.name, data }));
    }),
  );
  const session = await ort.createSession(model, { external: external.flat() });
  const feeds = graph.inputs.map(({ name, shape }) => {
    const dims = shape.map((dim) => evaluateDim(dim, bindings));
    const count = dims.reduce((product, dim) => product * dim, 1);
    return [name, ort.hostTensor(new Float32Array(count), dims)] as const;
  });
  try {
    const results = await session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => [name, [...tensor.dims]]),
    );
  } finally {
    await session.release();
  }
}
