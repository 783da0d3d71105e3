/**
 * Which models a machine can draw with, told before anything is downloaded.
 *
 * A model's networks are needed one after the other. Where all of them have room together, the model fits. Where each has
 * room alone, it is tight: every picture loads them anew. Fewer bits of weights make room at some cost of quality.
 */

import { EngineError } from '../errors.ts';
import type { WeightBits } from '../graph/builder.ts';
import { assumedConfigs } from '../models/families.ts';
import type {
  Footprint,
  FootprintForm,
  FootprintPlanner,
  StageFootprint,
} from '../models/footprint.ts';
import type { ModelEntry } from '../models/manifest.ts';
import type { MachineProfile } from '../runtime/machine.ts';

/**
 * Whether a model can draw here: `fits` with all its networks at once, `tight` with one after the other, `no` not at all;
 * `unknown` where the entry names no family.
 */
export type Fit = 'fits' | 'tight' | 'no' | 'unknown';

/** What is said of one model. */
export type ModelVerdict = {
  /** The entry's id. */
  readonly id: string;
  readonly state: Fit;
  /** Bits of the weights of large linear layers with which this holds; 16 is the machine's float format. */
  readonly weightBits: WeightBits;
  /** Whether the entry's `lightVae` should decode. */
  readonly needsLightVae: boolean;
  /** Bytes to download; undefined where not known. */
  readonly downloadBytes: number | undefined;
  /** Bytes of memory for a picture of the model's own size with all networks at once; undefined where not known. */
  readonly memoryBytes: number | undefined;
  /** Estimated from the machine's measured speed, once everything is loaded; undefined where not known. */
  readonly secondsPerPicture: number | undefined;
  /** In words for a person. */
  readonly reason: string;
  /** Of a model with `no`: id of one that can draw here. */
  readonly instead?: string;
};

/** What is said of a list of models. */
export type Judgement = {
  /** Memory that was reckoned with, in bytes. */
  readonly memoryBytes: number;
  /** Whether a person set it, or wasm's heap ends there; otherwise it is an estimate. */
  readonly isMemoryKnown: boolean;
  /** One for each entry, in their order. */
  readonly verdicts: readonly ModelVerdict[];
  /** Id of the model that suits this machine best; undefined when none can draw. */
  readonly recommended: string | undefined;
};

/** A verdict with what models are compared by. */
type Judged = {
  readonly entry: ModelEntry;
  readonly verdict: ModelVerdict;
  readonly flops: number;
};

/** Forms to try: the first of the best state is chosen. Four bits are for what has no room otherwise, even by turns. */
const BITS: readonly WeightBits[] = [16, 8, 4];
/** Steps and guidance where an entry says nothing, as the HTTP API has them. */
const STEPS = 20;
const GUIDANCE = 7.5;
/** Bytes in flight while weights are loaded onto a GPU. */
const LOADING_BYTES = 64 * 2 ** 20;
/** What a session on wasm takes beside its weights while it is made, as a part of them; docs/decisions/memory.md. */
const WASM_LOADING_PART = 0.6;
/** Nobody waits longer for a picture with pleasure, in seconds. */
const PATIENCE = 20;
const LATENT_CHANNELS = 4;

/** Judges each entry and recommends one. */
export function judge(entries: readonly ModelEntry[], planner: FootprintPlanner): Judgement {
  const judged = entries.map((entry) => judgeOne(entry, planner));
  const best = recommended(judged);
  const { memoryBytes, isMemoryKnown } = planner.machine;
  return {
    memoryBytes,
    isMemoryKnown,
    verdicts: judged.map(({ verdict }) =>
      verdict.state === 'no' && best !== undefined ? { ...verdict, instead: best } : verdict,
    ),
    recommended: best,
  };
}

/**
 * What is said of an entry that is to be opened. Throws EngineError `out-of-memory` when it has no room on the machine: with its
 * size, the machine's limit, and which of the alternatives would fit.
 *
 * @param isHere Whether its files were downloaded before this could be told; default no.
 */
export function refuseLarge(
  entry: ModelEntry,
  alternatives: readonly ModelEntry[],
  planner: FootprintPlanner,
  isHere = false,
): ModelVerdict {
  const { verdict } = judgeOne(entry, planner);
  if (verdict.state !== 'no') return verdict;
  const { recommended: instead } = judge(alternatives, planner);
  const { memoryBytes: limit, isMemoryKnown } = planner.machine;
  const advice = [
    instead === undefined ? '' : ` ${instead} can draw here.`,
    isMemoryKnown
      ? ''
      : ' That is an estimate, for browsers do not tell. If its graphics card has more, say so: under “Memory for drawing” ' +
        'on the page of models, with memoryBytes in a program, or with --memory at a server.',
  ].join('');
  throw new EngineError(
    'out-of-memory',
    `the model ${entry.id} has no room here${isHere ? '' : ', and nothing of it was downloaded'}. ${verdict.reason}${advice}`,
    { detail: { model: entry.id, bytes: verdict.memoryBytes, limit, isMemoryKnown, instead } },
  );
}

function judgeOne(entry: ModelEntry, planner: FootprintPlanner): Judged {
  const { machine } = planner;
  const configs = assumedConfigs(entry);
  if (configs === undefined) return { entry, verdict: withoutFamily(entry, machine), flops: 0 };
  const { steps = STEPS, guidanceScale = GUIDANCE } = entry.defaults ?? {};
  // Where the scale is an input of the network, there is no second row.
  const isEmbedded = (configs.unet['time_cond_proj_dim'] ?? undefined) !== undefined;
  const rows = guidanceScale > 1 && !isEmbedded ? 2 : 1;
  const { nativeSize } = entry;
  const size = { width: nativeSize, height: nativeSize, rows };
  const options: Option[] = [];
  const { exportedBytes } = entry;
  // The weights of exported graphs are what they are.
  const canQuantise = machine.canQuantise && exportedBytes === undefined;
  for (const weightBits of canQuantise ? BITS : BITS.slice(0, 1)) {
    for (const hasLightVae of entry.lightVae === undefined ? [false] : [false, true]) {
      const form = { weightBits, hasLightVae };
      const footprint = planner.footprint(configs, size, form, exportedBytes);
      options.push(optionOf(footprint, { weightBits, hasLightVae, steps, rows }, machine));
    }
    if (options.some(({ state }) => state === 'fits')) break;
  }
  const option = bestOf(options);
  const memoryBytes = entry.memoryBytes ?? option.memoryBytes;
  const state = entry.memoryBytes === undefined ? option.state : stated(memoryBytes, machine);
  const { weightBits, hasLightVae, secondsPerPicture, flops } = option;
  const verdict: ModelVerdict = {
    id: entry.id,
    state,
    weightBits,
    needsLightVae: hasLightVae,
    downloadBytes: entry.source.kind === 'embedded' ? 0 : downloadBytes(entry),
    memoryBytes,
    secondsPerPicture: state === 'no' ? undefined : secondsPerPicture,
    reason: reasonOf({ ...option, state, memoryBytes }, machine),
  };
  return { entry, verdict, flops };
}

/** One form in which a model could be held. */
type Option = FootprintForm & {
  readonly state: Exclude<Fit, 'unknown'>;
  readonly memoryBytes: number;
  /** Of the largest network alone. */
  readonly turnBytes: number;
  readonly secondsPerPicture: number | undefined;
  /** Of all evaluations. */
  readonly flops: number;
  readonly tiles: number;
  readonly problem: StageFootprint['problem'];
};

function optionOf(
  { texts, unet, decoder, tiles }: Footprint,
  { steps, rows, ...form }: FootprintForm & { readonly steps: number; readonly rows: number },
  { backend, memoryBytes: available }: MachineProfile,
): Option {
  const stages = [...texts, unet, decoder];
  const weights = stages.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  const workOf = ({ workBytes, weightBytes }: StageFootprint): number =>
    Math.max(workBytes, backend === 'wasm' ? WASM_LOADING_PART * weightBytes : LOADING_BYTES);
  const memoryBytes = weights + Math.max(...stages.map(workOf));
  const turnBytes = Math.max(...stages.map((each) => each.weightBytes + workOf(each)));
  const problem = stages.find((each) => each.problem !== undefined)?.problem;
  const isPossible = problem === undefined && turnBytes <= available;
  const runs: [StageFootprint, number][] = [
    ...texts.map((text): [StageFootprint, number] => [text, rows]),
    [unet, steps],
    [decoder, tiles],
  ];
  return {
    ...form,
    state: !isPossible ? 'no' : memoryBytes <= available ? 'fits' : 'tight',
    memoryBytes,
    turnBytes,
    secondsPerPicture: runs.reduce<number | undefined>(
      (sum, [{ seconds }, times]) =>
        sum === undefined || seconds === undefined ? undefined : sum + seconds * times,
      0,
    ),
    flops: unet.flops * steps,
    tiles,
    problem,
  };
}

/**
 * What fits with 16 or 8 bits, else what is tight with them, else 4; a picture decoded whole before one in tiles. Of forms
 * that have no room, the one that needs the least.
 */
function bestOf(options: readonly Option[]): Option {
  const rank = ({ state, weightBits, tiles, turnBytes }: Option): number =>
    state === 'no'
      ? turnBytes
      : (weightBits === 4 ? 100 : 0) +
        (state === 'tight' ? 10 : 0) +
        (weightBits === 16 ? 0 : 2) +
        (tiles > 1 ? 1 : 0);
  return options.reduce((best, each) => (rank(each) < rank(best) ? each : best));
}

/**
 * The largest model that draws a picture in {@link PATIENCE} seconds; where none does, or speed is not known, the one with
 * the least work. One that was made for repainting or that is part of the package is for want of others.
 */
function recommended(judged: readonly Judged[]): string | undefined {
  const can = (state: Fit): Judged[] => judged.filter(({ verdict }) => verdict.state === state);
  const fitting = can('fits');
  const usable = fitting.length > 0 ? fitting : can('tight');
  const general = usable.filter(({ entry }) => drawsFromText(entry));
  const downloaded = general.filter(({ entry }) => entry.source.kind !== 'embedded');
  const candidates = [downloaded, general, usable].find(({ length }) => length > 0) ?? [];
  const quick = candidates.filter(
    ({ verdict: { secondsPerPicture } }) =>
      secondsPerPicture !== undefined && secondsPerPicture <= PATIENCE,
  );
  const size = ({ verdict }: Judged): number => verdict.memoryBytes ?? 0;
  const best =
    quick.length > 0
      ? quick.reduce((a, b) => (size(b) > size(a) ? b : a))
      : candidates.reduce<Judged | undefined>(
          (a, b) => (a === undefined || b.flops < a.flops ? b : a),
          undefined,
        );
  return best?.entry.id;
}

/** Models with more channels of input than latents are given a picture to repaint. */
function drawsFromText({ configs }: ModelEntry): boolean {
  return (configs?.unet?.['in_channels'] ?? LATENT_CHANNELS) === LATENT_CHANNELS;
}

/** Of exported graphs the weights are known, the rest is not: so it can be said that they have no room, not that they have. */
function withoutFamily(entry: ModelEntry, machine: MachineProfile): ModelVerdict {
  const largest = Math.max(0, ...Object.values(entry.exportedBytes ?? {}));
  const memoryBytes = entry.memoryBytes ?? (largest > machine.memoryBytes ? largest : undefined);
  const state = memoryBytes === undefined ? 'unknown' : stated(memoryBytes, machine);
  return {
    id: entry.id,
    state,
    weightBits: 16,
    needsLightVae: false,
    downloadBytes: downloadBytes(entry),
    memoryBytes,
    secondsPerPicture: undefined,
    reason:
      memoryBytes === undefined
        ? 'Its family is not given, so what it needs shows when its files are here.'
        : roomSentence(state, memoryBytes, machine),
  };
}

/** Whether memory that a person stated is there. */
function stated(bytes: number, { memoryBytes }: MachineProfile): Exclude<Fit, 'unknown'> {
  return bytes <= memoryBytes ? 'fits' : 'no';
}

function downloadBytes({ source, downloadBytes: given }: ModelEntry): number | undefined {
  return given ?? (source.kind === 'file' ? source.size : undefined);
}

function reasonOf(
  {
    state,
    weightBits,
    memoryBytes,
    turnBytes,
    problem,
    hasLightVae,
  }: FootprintForm & Pick<Option, 'turnBytes' | 'problem' | 'state' | 'memoryBytes'>,
  machine: MachineProfile,
): string {
  const forms = [
    ...(weightBits === 16 ? [] : [`weights of ${weightBits} bits`]),
    ...(hasLightVae ? ['the light autoencoder'] : []),
  ];
  const withForms = forms.length === 0 ? '' : ` with ${forms.join(' and ')}`;
  if (state === 'no' && problem !== undefined && problem.reason !== 'memory') {
    const amount = (value: number): string =>
      problem.reason === 'time' ? `${value.toFixed(1)} s` : gigabytes(value);
    const what = problem.reason === 'time' ? 'a single task of' : 'a buffer of';
    return `It needs ${what} ${amount(problem.value)}, and this device allows ${amount(problem.limit)}.`;
  }
  if (state === 'tight') {
    return `Its networks have room one after the other${withForms} (${gigabytes(turnBytes)} of ${room(machine)}), not together (${gigabytes(memoryBytes)}): every picture loads them anew.`;
  }
  return state === 'fits'
    ? `It fits${withForms}: ${gigabytes(memoryBytes)} of ${room(machine)}.`
    : roomSentence(state, turnBytes, machine);
}

function roomSentence(state: Fit, bytes: number, machine: MachineProfile): string {
  return state === 'fits'
    ? `It fits: ${gigabytes(bytes)} of ${room(machine)}.`
    : `It needs ${gigabytes(bytes)} of memory at the least, and this machine has ${room(machine)}.`;
}

function room({ memoryBytes, isMemoryKnown }: MachineProfile): string {
  return `${gigabytes(memoryBytes)}${isMemoryKnown ? '' : ', by estimate'}`;
}

/** Bytes in words. */
function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
