/**
 * Inputs for any graph at any size, of no meaning.
 */

import type { GraphModule } from '../../src/graph/builder.ts';
import { evaluateDim, type Bindings } from '../../src/graph/dim.ts';
import { isChannelsLast } from '../../src/runtime/backend.ts';
import { elementCount } from '../../src/tensor/dtype.ts';
import { hostTensor } from '../../src/tensor/host-tensor.ts';
import { generatedArray } from '../../tools/goldens/formula.ts';
import type { GraphInputs } from './unet-inputs.ts';

/** Small numbers for every input of `graph`; pictures are [B, C, H, W], as callers of a backend give them. */
export function madeInputs(graph: GraphModule, sizes: Bindings): GraphInputs {
  return Object.fromEntries(
    graph.inputs.map((port) => {
      const own = port.shape.map((dim) => evaluateDim(dim, sizes));
      const [batch, height, width, channels] = own as [number, number, number, number];
      const dims = isChannelsLast(graph, port) ? [batch, channels, height, width] : own;
      const data = generatedArray(`made/${port.name}`, elementCount(dims), 7);
      return [port.name, hostTensor(data, dims)];
    }),
  );
}
