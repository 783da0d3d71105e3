/**
 * Finds out what a GPU computes right and how fast, and chooses spelling, precision and features by it.
 *
 * Order of preference: the fused WebGPU spelling before the portable one, f16 before f32, subgroups on before off;
 * each only if every probe of it comes out right. Drivers are wrong in ways no list of devices keeps up with.
 */

import { EngineError } from '../../errors.ts';
import type { Spelling } from '../../graph/builder.ts';
import type { FloatDtype } from '../../tensor/dtype.ts';
import type { Backend } from '../backend.ts';
import type { ThroughputByFormat } from '../plan.ts';
import { allProbes, quantisedProbes } from './probes.ts';
import type { Probe, ProbeFamily } from './probe.ts';
import { measureThroughput } from './throughput.ts';

/** One probe in one setting. */
export type Finding = {
  readonly probe: string;
  readonly family: ProbeFamily;
  readonly spelling: Spelling;
  readonly dtype: FloatDtype;
  readonly subgroups: boolean;
  /** Relative error over sampled outputs; infinity when the probe failed altogether. */
  readonly error: number;
  readonly isRight: boolean;
};

/** How a device is to be used. */
export type Verdict = {
  readonly spelling: Spelling;
  readonly precision: FloatDtype;
  readonly subgroups: boolean;
  /** Whether linear layers come out right with weights of 8 and 4 bits. */
  readonly canQuantise: boolean;
  /** As measured in the chosen setting. */
  readonly throughput: ThroughputByFormat;
  readonly findings: readonly Finding[];
};

/** A device opened for checking. */
export type CheckedDevice = {
  readonly backend: Backend;
  readonly hasHalf: boolean;
  readonly close: () => Promise<void>;
};

/** Options of {@link selfCheck}. */
export type SelfCheckOptions = {
  /** Opens the device with subgroups on or off; called once or twice. */
  readonly open: (subgroups: boolean) => Promise<CheckedDevice>;
  /** Whether the adapter has subgroups that may be right: onnxruntime's attention needs at least eight lanes. */
  readonly maySubgroups: boolean;
  /** A renderer on the CPU: small probes only, and no comparison of speeds. */
  readonly isSoftware: boolean;
  readonly signal?: AbortSignal | undefined;
};

/** Largest relative error of a right probe. */
const TOLERANCE = { float32: 1e-3, float16: 3e-2 } as const satisfies Record<FloatDtype, number>;
/** How much faster the portable spelling must be to be taken over a WebGPU spelling that is right. */
const CLEARLY_FASTER = 1.5;

/** Smallest subgroup that onnxruntime's attention is not known to be wrong with. */
export const MIN_SUBGROUP = 8;

/**
 * Checks a device.
 *
 * @throws EngineError `webgpu-unavailable` when not even the portable spelling in f32 comes out right.
 */
export async function selfCheck(options: SelfCheckOptions): Promise<Verdict> {
  const findings: Finding[] = [];
  for (const subgroups of options.maySubgroups ? [true, false] : [false]) {
    const device = await options.open(subgroups);
    try {
      const verdict = await checkDevice(device, subgroups, options, findings);
      if (verdict !== undefined) return verdict;
    } finally {
      await device.close();
    }
  }
  const wrong = findings.filter(({ isRight }) => !isRight).map(({ probe }) => probe);
  throw new EngineError(
    'webgpu-unavailable',
    `this GPU computes wrong numbers (${[...new Set(wrong)].join('; ')}); wasm is used instead. Update the graphics driver or the browser`,
    { detail: { findings } },
  );
}

async function checkDevice(
  device: CheckedDevice,
  subgroups: boolean,
  options: SelfCheckOptions,
  findings: Finding[],
): Promise<Verdict | undefined> {
  const { isSoftware, signal } = options;
  const isRight = async (
    spelling: Spelling,
    dtype: FloatDtype,
    probes = allProbes({ isSmall: isSoftware }),
  ): Promise<boolean> => {
    const setting = { spelling, dtype, subgroups, signal };
    const found = await checkProbes(device.backend, probes, setting);
    findings.push(...found);
    return found.every((finding) => finding.isRight);
  };
  const isFusedRight = await isRight('webgpu', 'float32');
  // Wrong with subgroups: once more without them before giving up the fused operators.
  if (!isFusedRight && subgroups) return undefined;
  let spelling: Spelling = isFusedRight ? 'webgpu' : 'portable';
  if (!isFusedRight && !(await isRight('portable', 'float32'))) return undefined;
  const precision = device.hasHalf && (await isRight(spelling, 'float16')) ? 'float16' : 'float32';
  const measure = async (spelled: Spelling): Promise<ThroughputByFormat> => {
    // The autoencoder runs in f32 whatever the precision is.
    const float32 = await measureThroughput(
      device.backend,
      { spelling: spelled, dtype: 'float32' },
      signal,
    );
    if (precision === 'float32') return { float32 };
    const half = { spelling: spelled, dtype: precision } as const;
    return { float32, float16: await measureThroughput(device.backend, half, signal) };
  };
  let throughput = await measure(spelling);
  if (spelling === 'webgpu' && !isSoftware) {
    const portable = await measure('portable');
    const rate = (measured: ThroughputByFormat): number => measured[precision]?.convolution ?? 0;
    const isFaster = rate(portable) > CLEARLY_FASTER * rate(throughput);
    if (
      isFaster &&
      (await isRight('portable', precision)) &&
      (await isRight('portable', 'float32'))
    ) {
      spelling = 'portable';
      throughput = portable;
    }
  }
  const quantised = quantisedProbes({ isSmall: isSoftware });
  const canQuantise = await isRight(spelling, precision, quantised);
  return { spelling, precision, subgroups, canQuantise, throughput, findings };
}

async function checkProbes(
  backend: Backend,
  probes: readonly Probe[],
  {
    spelling,
    dtype,
    subgroups,
    signal,
  }: Pick<Finding, 'spelling' | 'dtype' | 'subgroups'> & Pick<SelfCheckOptions, 'signal'>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const probe of probes) {
    const { name, family } = probe.definition;
    signal?.throwIfAborted();
    const error = await probeError(backend, probe, { spelling, dtype });
    const isRight = error <= TOLERANCE[dtype];
    findings.push({ probe: name, family, spelling, dtype, subgroups, error, isRight });
  }
  return findings;
}

/** The error of a probe; infinity when its graph cannot even be prepared or run, which is a finding too. */
async function probeError(
  backend: Backend,
  probe: Probe,
  options: { spelling: Spelling; dtype: FloatDtype },
): Promise<number> {
  const graph = probe.graph(options);
  try {
    return await probe.error(await backend.prepare(graph));
  } catch (error) {
    if (error instanceof EngineError && error.code === 'device-lost') throw error;
    return Infinity;
  } finally {
    await backend.releaseCheckpoint(graph.checkpointId);
  }
}
