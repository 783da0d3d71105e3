/**
 * A probe: one kernel family at one size, with its own answer to some of the outputs.
 *
 * The answers are computed in f64 by the definition of each operation, at a few positions only, so that a probe of
 * real size costs milliseconds here.
 */

import type { GraphModule } from '../../graph/builder.ts';
import type { GraphOps } from '../../graph/ops.ts';
import type { WeightScope } from '../../graph/weight-scope.ts';
import { buildGraph, type NetworkOptions } from '../../networks/network.ts';
import type { HostTensor } from '../../tensor/host-tensor.ts';
import { memoryCheckpoint, value, type ProbeTensor } from './values.ts';
import type { PreparedGraph } from '../backend.ts';

/** The kernel families that graphs are made of. */
export type ProbeFamily = 'convolution' | 'normalisation' | 'matmul' | 'attention' | 'movement';

/** What makes a probe. */
export type ProbeDefinition = {
  readonly name: string;
  readonly family: ProbeFamily;
  readonly weights: Readonly<Record<string, ProbeTensor>>;
  /** Bits of the weights of its linear layers; default 16. */
  readonly weightBits?: 8 | 4;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** Writes the graph; its one output is `out`. */
  readonly write: (ops: GraphOps, w: WeightScope) => void;
  /** Dimensions of `out`; pictures [B, C, H, W]. */
  readonly outDims: readonly number[];
  /** The right value of `out` at a position. */
  readonly answer: (position: readonly number[]) => number;
};

/** Positions of the output that are compared. */
const SAMPLES = 48;

/** See the file's header. */
export class Probe {
  readonly definition: ProbeDefinition;

  constructor(definition: ProbeDefinition) {
    this.definition = definition;
  }

  /** The graph of the probe in a spelling and format. */
  graph(options: NetworkOptions): GraphModule {
    const { name, weights, weightBits = 16, write } = this.definition;
    return buildGraph(
      `self-check ${name}`,
      memoryCheckpoint(`self-check/${name}`, weights),
      { ...options, weightBits, quantiseFrom: 0 },
      write,
    );
  }

  /** Relative error (L2) over the sampled positions; infinity when something is not finite. */
  async error(prepared: PreparedGraph): Promise<number> {
    const { inputs, outDims, answer, name } = this.definition;
    const outputs = await prepared.run(inputs);
    const { data } = outputs['out'] as HostTensor;
    let difference = 0;
    let norm = 0;
    for (let i = 0; i < SAMPLES; i++) {
      const index = Math.floor(((value(name.length, i) + 1) / 2) * data.length) % data.length;
      const expected = answer(unravel(index, outDims));
      difference += ((data[index] as number) - expected) ** 2;
      norm += expected ** 2;
    }
    const error = Math.sqrt(difference / norm);
    return Number.isFinite(error) ? error : Infinity;
  }
}

function unravel(index: number, dims: readonly number[]): number[] {
  let rest = index;
  return dims
    .toReversed()
    .map((dim) => {
      const at = rest % dim;
      rest = (rest - at) / dim;
      return at;
    })
    .reverse();
}
