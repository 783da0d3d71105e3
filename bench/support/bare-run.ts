/**
 * A run of a graph without the engine: onnxruntime-web's own `session.run`, on the very session that the engine made
 * of the graph, with feeds that are ready.
 */

import * as ort from 'onnxruntime-web/webgpu';

import type { GraphModule } from '../../src/graph/builder.ts';
import { isChannelsLast } from '../../src/runtime/backend.ts';
import { arraysOf } from '../../src/runtime/gpu/weight-slot.ts';
import type { WebGpuBackend } from '../../src/runtime/webgpu-backend.ts';
import { toChannelsLast } from '../../src/tensor/host-tensor.ts';
import type { GraphInputs } from './unet-inputs.ts';

/** Prepares `graph`, which must be new to the backend, and gives its bare run. */
export async function bareRun(
  backend: WebGpuBackend,
  graph: GraphModule,
  inputs: GraphInputs,
): Promise<() => Promise<void>> {
  const session = await sessionOf(() => backend.prepare(graph));
  const feeds = await feedsOf(backend, graph, inputs);
  return async () => {
    const results = await session.run(feeds);
    for (const tensor of Object.values(results)) tensor.dispose();
  };
}

/** The session that `task` makes, seen on its way out of the library. */
async function sessionOf(task: () => Promise<unknown>): Promise<ort.InferenceSession> {
  const factory = ort.InferenceSession as { create: (...args: unknown[]) => Promise<unknown> };
  const { create } = factory;
  let session: ort.InferenceSession | undefined;
  factory.create = async (...args) => {
    const made = await create.apply(factory, args);
    session = made as ort.InferenceSession;
    return made;
  };
  try {
    await task();
  } finally {
    factory.create = create;
  }
  if (session === undefined) throw new Error('no session was made: the graph is known already');
  return session;
}

/** Everything `session.run` wants: the weights, which stay the store's, and the inputs. */
export async function feedsOf(
  backend: WebGpuBackend,
  graph: GraphModule,
  inputs: GraphInputs,
): Promise<Record<string, ort.Tensor>> {
  const feeds: Record<string, ort.Tensor> = {};
  const { checkpointId } = graph;
  const weights = await backend.store.acquireAll(
    graph.weights.map((use) => ({ ...use, checkpointId })),
  );
  for (const [i, { values }] of graph.weights.entries()) {
    for (const [j, { buffer }] of arraysOf(weights[i]!).entries()) {
      const { name, dtype, shape } = values[j]!;
      feeds[name] = ort.Tensor.fromGpuBuffer(buffer, { dataType: dtype, dims: [...shape] });
    }
  }
  for (const port of graph.inputs) {
    const tensor = inputs[port.name]!;
    const { data, dims } = isChannelsLast(graph, port) ? toChannelsLast(tensor) : tensor;
    feeds[port.name] = new ort.Tensor('float32', data, [...dims]);
  }
  return feeds;
}
