/**
 * One network over one checkpoint, in all the graphs it may need: a graph for each variant, format and cut of
 * its attention, built on demand and kept.
 */

import type { GraphModule, Spelling, WeightBits } from '../graph/builder.ts';
import type { Bindings } from '../graph/dim.ts';
import type { AttentionChunks } from '../graph/ops.ts';
import type { NetworkOptions } from '../networks/network.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { bindSizes, type SizedTensor } from './backend.ts';
import { chunksFor, planRun, type DeviceBudget, type RunPlan } from './plan.ts';

/**
 * Bits of the weights of large linear layers. `auto`: 16, unless the network's weights have no room and with 8, else with
 * 4 they have.
 */
export type WeightChoice = WeightBits | 'auto';

/** What a network whose weights may have fewer bits can be told. */
export type QuantisableOptions = {
  /** Bits of the weights of its large linear layers; default what the runtime is set to. */
  readonly weightBits?: WeightChoice | undefined;
};

/** What makes a stage. */
export type StageDefinition<Variant> = QuantisableOptions & {
  /** For messages and progress, such as `unet`. */
  readonly name: string;
  readonly checkpoint: Checkpoint;
  /** Whether its numbers are known to stay within f16's range; otherwise it always runs in f32. */
  readonly isSafeInHalf: boolean;
  /** Whether its linear layers may have weights of fewer bits; default false. */
  readonly isQuantisable?: boolean;
  /** Writes the graph of a variant. */
  readonly build: (variant: Variant, options: NetworkOptions) => GraphModule;
};

/** What a graph is fitted to. */
export type Fitting = {
  readonly spelling: Spelling;
  readonly dtype: FloatDtype;
  readonly budget: DeviceBudget;
  /** Default 16. */
  readonly weightBits?: WeightBits;
  readonly quantiseFrom?: NetworkOptions['quantiseFrom'];
  readonly placeWeight?: NetworkOptions['placeWeight'];
};

/** A graph that fits, and what running it costs. */
export type FittedGraph = {
  readonly graph: GraphModule;
  readonly bindings: Bindings;
  readonly plan: RunPlan;
};

type Attention = Parameters<AttentionChunks>[0];
type Built = { readonly graph: GraphModule; readonly attentions: ReadonlyMap<string, Attention> };

const MAX_FITS = 32;

/** See the file's header. `Variant` must be plain data: its JSON text is its identity. */
export class Stage<Variant> {
  readonly name: string;
  readonly checkpoint: Checkpoint;
  readonly isSafeInHalf: boolean;
  readonly isQuantisable: boolean;
  readonly weightBits: WeightChoice | undefined;
  readonly #build: StageDefinition<Variant>['build'];
  readonly #graphs = new Map<string, Built>();
  readonly #fits = new Map<string, FittedGraph>();
  #mustBeFull = false;

  constructor(definition: StageDefinition<Variant>) {
    this.name = definition.name;
    this.checkpoint = definition.checkpoint;
    this.isSafeInHalf = definition.isSafeInHalf;
    this.isQuantisable = definition.isQuantisable ?? false;
    this.weightBits = definition.weightBits;
    this.#build = definition.build;
  }

  /** The format to run in where the device computes best in `precision`. */
  dtypeFor(precision: FloatDtype): FloatDtype {
    return this.isSafeInHalf && !this.#mustBeFull ? precision : 'float32';
  }

  /** Remembers that f16 gave NaN or infinity. */
  rememberOverflow(): void {
    this.#mustBeFull = true;
  }

  /** The graph for inputs of these sizes, its attention cut as the device asks. */
  fit(
    variant: Variant,
    inputs: Readonly<Record<string, SizedTensor>>,
    fitting: Fitting,
  ): FittedGraph {
    const sizes = Object.entries(inputs).map(([name, tensor]) => [
      name,
      tensor.dims,
      'buffer' in tensor,
    ]);
    const { dtype, budget, spelling, weightBits, quantiseFrom, placeWeight } = fitting;
    const fitKey = JSON.stringify([
      variant,
      spelling,
      dtype,
      weightBits,
      quantiseFrom,
      placeWeight?.toString(),
      budget,
      sizes,
    ]);
    const known = this.#fits.get(fitKey);
    if (known !== undefined) return known;
    const whole = this.#built(variant, fitting, new Map());
    const bindings = bindSizes(whole.graph, inputs);
    const rule = chunksFor({ bindings, budget, dtype, isFused: spelling === 'webgpu' });
    const cuts = new Map([...whole.attentions].map(([key, attention]) => [key, rule(attention)]));
    const isWhole = [...cuts.values()].every((chunks) => chunks === 1);
    const { graph } = isWhole ? whole : this.#built(variant, fitting, cuts);
    const fitted = { graph, bindings, plan: planRun(graph, bindings, budget) };
    // A run of twenty steps asks twenty times; only the latest sizes are worth keeping.
    if (this.#fits.size >= MAX_FITS) this.#fits.clear();
    this.#fits.set(fitKey, fitted);
    return fitted;
  }

  #built(variant: Variant, fitting: Fitting, cuts: ReadonlyMap<string, number>): Built {
    const { spelling, dtype, weightBits = 16, quantiseFrom, placeWeight } = fitting;
    const form = [spelling, dtype, weightBits, quantiseFrom, placeWeight?.toString()];
    const key = JSON.stringify([variant, form, [...cuts]]);
    let built = this.#graphs.get(key);
    if (built === undefined) {
      const attentions = new Map<string, Attention>();
      const graph = this.#build(variant, {
        spelling,
        dtype,
        weightBits,
        ...(quantiseFrom === undefined ? {} : { quantiseFrom }),
        ...(placeWeight === undefined ? {} : { placeWeight }),
        attentionChunks: (attention) => {
          const { queries, keys, heads, headWidth } = attention;
          const name = `${String(queries)}x${String(keys)}x${heads}x${headWidth}`;
          attentions.set(name, attention);
          return cuts.get(name) ?? 1;
        },
      });
      built = { graph, attentions };
      this.#graphs.set(key, built);
    }
    return built;
  }
}
