/**
 * What all network functions share: the options of a graph, and the start and end of building one.
 */

import {
  GraphBuilder,
  LARGE_MATRIX,
  type GraphModule,
  type Spelling,
  type WeightBits,
  type WeightPlacement,
} from '../graph/builder.ts';
import { symbol, type Dim } from '../graph/dim.ts';
import type { AttentionChunks, GraphOps } from '../graph/ops.ts';
import { opsFor } from '../graph/spelling/index.ts';
import { WeightScope } from '../graph/weight-scope.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import type { Checkpoint, TensorEntry } from '../weights/checkpoint.ts';

/** Options that every network takes. */
export type NetworkOptions = {
  readonly spelling: Spelling;
  /** Format the graph computes in; its inputs and outputs are f32 at any format. */
  readonly dtype: FloatDtype;
  /** Bits of the weights of large linear layers; default 16, which is `dtype` whatever it is. */
  readonly weightBits?: WeightBits;
  /** Elements of the smallest matrix whose weights take fewer bits; default {@link LARGE_MATRIX}. For measurements and tests. */
  readonly quantiseFrom?: number;
  /** Default: whole. */
  readonly attentionChunks?: AttentionChunks;
  /** Default: inputs for WebGPU, initializers for the portable spelling. */
  readonly placeWeight?: (entry: TensorEntry) => WeightPlacement;
};

/** The open sizes of the graphs: batch, latent (or image) height and width, tokens. */
export type Sizes = {
  readonly batch: Dim;
  readonly height: Dim;
  readonly width: Dim;
  readonly tokens: Dim;
};

/**
 * The symbols of a graph.
 *
 * @param multipleOf what height and width are promised to be multiples of, so that halving them is exact.
 */
export function openSizes(multipleOf = 1): Sizes {
  return {
    batch: symbol('B'),
    height: symbol('H', { multipleOf }),
    width: symbol('W', { multipleOf }),
    tokens: symbol('T'),
  };
}

/** Builds a graph: `body` writes it, and every tensor of the checkpoint must be used or skipped. */
export function buildGraph(
  name: string,
  checkpoint: Checkpoint,
  options: NetworkOptions,
  body: (ops: GraphOps, weights: WeightScope) => void,
): GraphModule {
  const builder = new GraphBuilder({
    name,
    spelling: options.spelling,
    dtype: options.dtype,
    quantisation: {
      bits: options.weightBits ?? 16,
      from: options.quantiseFrom ?? LARGE_MATRIX,
    },
    ...(options.placeWeight === undefined ? {} : { placeWeight: options.placeWeight }),
  });
  const weights = WeightScope.of(checkpoint);
  body(opsFor(builder, options.attentionChunks), weights);
  weights.assertAllUsed();
  return builder.finish(checkpoint.id);
}
