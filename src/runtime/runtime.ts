/**
 * Runs stages on whatever this machine has: WebGPU where it computes right, wasm otherwise.
 *
 * Here live the promises about devices: f16 that overflows is repeated in f32 and remembered, a lost
 * device is replaced and the run repeated, no dispatch is planned to run longer than half a second.
 */

import { EngineError, isEngineError } from '../errors.ts';
import type { GraphModule, WeightBits, WeightPlacement } from '../graph/builder.ts';
import { isFiniteTensor } from '../tensor/host-tensor.ts';
import type { FloatDtype } from '../tensor/dtype.ts';
import type { TensorEntry } from '../weights/checkpoint.ts';
import type { WeightPatches } from '../weights/lora/tensor-patch.ts';
import {
  isDeviceTensor,
  type Backend,
  type PreparedGraph,
  type PrepareOptions,
  type RunOptions,
  type RunTensor,
  type SizedTensor,
} from './backend.ts';
import type { DeviceBudget, Violation } from './plan.ts';
import { Residency } from './residency.ts';
import type { FittedGraph, Stage, WeightChoice } from './stage.ts';

/** A backend with what planning needs to know of its device, and how to get it back when it is lost. */
export type RuntimeHost = {
  readonly backend: Backend;
  /** What the device allows graphs of a format. */
  readonly budget: (dtype: FloatDtype) => DeviceBudget;
  /** Whether graphs may have quantised weights: the device computes right with them. */
  readonly canQuantise: boolean;
  /** Whether a tensor in GPU memory is free of NaN and infinity. */
  readonly isFiniteOnDevice: (tensor: RunTensor) => Promise<boolean>;
  /** A fresh host on a new device; undefined where a backend cannot be lost. */
  readonly recover: (() => Promise<RuntimeHost>) | undefined;
};

/** Options of {@link Runtime.run}. */
export type StageRunOptions = RunOptions & Pick<PrepareOptions, 'onProgress'>;

/** Settings of a {@link Runtime}. */
export type RuntimeSettings = {
  /** Where weights go; by default as the spelling has it. For measurements. */
  readonly placeWeight?: (entry: TensorEntry) => WeightPlacement;
  /** Run every stage in the device's precision, also one that is not known to be safe in f16. For measurements. */
  readonly trustHalf?: boolean;
  /**
   * Bytes that weights may take in all; those of networks that are not in use leave when it is exceeded. Default: no
   * bound, and they leave when the device has no memory left.
   */
  readonly weightBudget?: number | undefined;
  /** Elements of the smallest matrix whose weights take fewer bits; default 1 MiB in f16. For measurements. */
  readonly quantiseFrom?: number;
  /** Bits of the weights of stages that do not choose themselves; default 16. */
  readonly weightBits?: WeightChoice | undefined;
};

/** See the file's header. */
export class Runtime {
  #host: RuntimeHost;
  readonly #settings: RuntimeSettings;
  readonly #residency: Residency;
  #recovery: Promise<void> | undefined;
  /** What is wanted of checkpoints' tensors, for the next device too. */
  readonly #patches = new Map<string, WeightPatches>();

  constructor(host: RuntimeHost, settings: RuntimeSettings = {}) {
    this.#host = host;
    this.#settings = settings;
    this.#residency = new Residency(settings.weightBudget);
  }

  /** The backend in use now; another one after a device was lost. */
  get backend(): Backend {
    return this.#host.backend;
  }

  /** Whether graphs may have quantised weights. */
  get canQuantise(): boolean {
    return this.#host.canQuantise;
  }

  /** What the device allows graphs of a format. */
  budget(dtype: FloatDtype): DeviceBudget {
    return this.#host.budget(dtype);
  }

  /** The graph a run with inputs of these sizes would use, and what it would cost. */
  fit<V>(stage: Stage<V>, variant: V, inputs: Readonly<Record<string, SizedTensor>>): FittedGraph {
    const { backend, budget } = this.#host;
    const { placeWeight, quantiseFrom, trustHalf } = this.#settings;
    const dtype = trustHalf === true ? backend.precision : stage.dtypeFor(backend.precision);
    const fitAt = (weightBits: WeightBits): FittedGraph =>
      stage.fit(variant, inputs, {
        spelling: backend.spelling,
        dtype,
        budget: budget(dtype),
        weightBits,
        ...(quantiseFrom === undefined ? {} : { quantiseFrom }),
        ...(placeWeight === undefined ? {} : { placeWeight }),
      });
    const { maxWeightBytes } = budget(dtype);
    return fitAt(this.#weightBits(stage, fitAt, maxWeightBytes));
  }

  #weightBits(
    stage: Pick<Stage<unknown>, 'isQuantisable' | 'weightBits'>,
    fitAt: (bits: WeightBits) => FittedGraph,
    deviceLimit = Infinity,
  ): WeightBits {
    if (!this.#host.canQuantise || !stage.isQuantisable) return 16;
    const { weightBits = 16, weightBudget = Infinity } = this.#settings;
    const chosen = stage.weightBits ?? weightBits;
    if (chosen !== 'auto') return chosen;
    const room = Math.min(weightBudget, deviceLimit);
    const hasRoom = (bits: WeightBits): boolean => fitAt(bits).plan.cost.weightBytes <= room;
    if (room === Infinity || hasRoom(16)) return 16;
    return hasRoom(8) ? 8 : 4;
  }

  /**
   * Runs a stage. Host pictures go in and come out as [B, C, H, W]; outputs named in `keepOnDevice` stay in GPU memory.
   *
   * @throws EngineError `non-finite` when the result is not finite in f32 either, `device-lost` when the device is lost
   *   and the inputs were lost with it, or when it is lost twice, `out-of-memory` when the GPU has no room for the run
   *   even without other networks' weights; the runtime stays usable after each.
   */
  async run<V>(
    stage: Stage<V>,
    variant: V,
    inputs: Readonly<Record<string, RunTensor>>,
    options: StageRunOptions = {},
  ): Promise<Record<string, RunTensor>> {
    const host = this.#host;
    try {
      return await this.#runOn(host, stage, variant, inputs, options);
    } catch (error) {
      const code = isEngineError(error) ? error.code : undefined;
      const isFull = code === 'out-of-memory';
      const hadOthers = isFull && this.#residency.tighten();
      if (!host.backend.isUsable && host.recover !== undefined) await this.#replace(host);
      else if (hadOthers) await this.#residency.releaseIdle(releaser(host));
      else throw error;
      // What had no room beside other networks may have it alone.
      if (code !== 'device-lost' && !hadOthers) throw error;
      if (Object.values(inputs).some((input) => isDeviceTensor(input)) && this.#host !== host)
        throw error;
      return this.#runOn(this.#host, stage, variant, inputs, options);
    }
  }

  /** Whether weights can change in place: see {@link setPatches}. */
  get canPatch(): boolean {
    return this.#host.backend.setPatches !== undefined && this.#settings.placeWeight === undefined;
  }

  /**
   * Says what tensors of a checkpoint are to be in all runs from now on, whichever device they run on; those that are not
   * named are as the checkpoint has them. What changes is written by the next run that needs it, into the buffers that are
   * there: no session is made, nothing else is sent.
   */
  setPatches(checkpointId: string, patches: WeightPatches): void {
    if (patches.size === 0) this.#patches.delete(checkpointId);
    else this.#patches.set(checkpointId, patches);
    this.#host.backend.setPatches?.(checkpointId, patches);
  }

  /** Frees the weights of a checkpoint and what its graphs hold. */
  async releaseCheckpoint(id: string): Promise<void> {
    this.#residency.forget(id);
    await this.#host.backend.releaseCheckpoint(id);
  }

  /** Gives back all memory. */
  async dispose(): Promise<void> {
    await this.#host.backend.dispose();
  }

  async #runOn<V>(
    host: RuntimeHost,
    stage: Stage<V>,
    variant: V,
    inputs: Readonly<Record<string, RunTensor>>,
    options: StageRunOptions,
  ): Promise<Record<string, RunTensor>> {
    const { graph, plan } = this.fit(stage, variant, inputs);
    refuse(stage.name, plan.violations);
    const outputs = await this.#residency.use(
      graph.checkpointId,
      plan.cost.weightBytes,
      releaser(host),
      async () => (await this.#prepare(host, graph, options)).run(inputs, options),
    );
    if (await allFinite(host, outputs)) return outputs;
    for (const tensor of Object.values(outputs)) if (isDeviceTensor(tensor)) tensor.dispose();
    if (graph.dtype === 'float16' && this.#settings.trustHalf !== true) {
      stage.rememberOverflow();
      return this.#runOn(host, stage, variant, inputs, options);
    }
    throw new EngineError(
      'non-finite',
      `${stage.name} gave numbers that are not finite in ${graph.dtype}; its weights or its inputs are damaged`,
      { detail: { stage: stage.name, dtype: graph.dtype } },
    );
  }

  /**
   * Prepares a graph. Of a device that goes while weights are loaded, what was in its memory is taken to have been too much:
   * that is how browsers on phones tell, and the next device would go the same way.
   */
  async #prepare(
    { backend }: RuntimeHost,
    graph: GraphModule,
    options: StageRunOptions,
  ): Promise<PreparedGraph> {
    const { isUsable } = backend;
    try {
      return await backend.prepare(graph, options);
    } catch (error) {
      if (isUsable && isEngineError(error) && error.code === 'device-lost')
        this.#residency.tighten();
      throw error;
    }
  }

  /** Replaces a lost host once, however many runs notice the loss. */
  async #replace(lost: RuntimeHost): Promise<void> {
    if (this.#host !== lost) return;
    this.#recovery ??= (async () => {
      try {
        // Frees what the lost device's sessions hold outside of it; failures are the loss itself.
        await lost.backend.dispose().catch(() => undefined);
        this.#residency.clear();
        const fresh = await (lost.recover as NonNullable<RuntimeHost['recover']>)();
        for (const [id, patches] of this.#patches) fresh.backend.setPatches?.(id, patches);
        this.#host = fresh;
      } finally {
        this.#recovery = undefined;
      }
    })();
    await this.#recovery;
  }
}

/**
 * Throws EngineError `unsupported` for what this device cannot run: a buffer or a sum of memory beyond its limits, or one task
 * that would keep it busy for longer than the operating system may put up with. (Bindings are split by the library.)
 */
function refuse(stage: string, violations: readonly Violation[]): void {
  const fatal = violations.find(({ reason }) => reason !== 'binding');
  if (fatal === undefined) return;
  const { node, reason, value, limit } = fatal;
  const amount = (n: number): string =>
    reason === 'time' ? `${n.toFixed(1)} s` : `${(n / 2 ** 20).toFixed(0)} MiB`;
  const what = {
    buffer: 'a buffer of',
    memory: 'memory of',
    time: 'a single GPU task of',
    binding: '',
  }[reason];
  throw new EngineError(
    'unsupported',
    `the ${stage} would need ${what} ${amount(value)} at this size, and this device allows ${amount(limit)} (${node}); ask for a smaller picture`,
    { detail: { ...fatal } },
  );
}

function releaser({ backend }: RuntimeHost): (id: string) => Promise<void> {
  return (id) => backend.releaseCheckpoint(id);
}

async function allFinite(
  host: RuntimeHost,
  outputs: Readonly<Record<string, RunTensor>>,
): Promise<boolean> {
  for (const tensor of Object.values(outputs)) {
    const isFinite = isDeviceTensor(tensor)
      ? await host.isFiniteOnDevice(tensor)
      : isFiniteTensor(tensor);
    if (!isFinite) return false;
  }
  return true;
}
