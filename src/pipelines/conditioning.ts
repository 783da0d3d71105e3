/**
 * Prompts as the UNet reads them: text states for every step, and how the network's answers to them are mixed.
 *
 * With sub-prompts c_i of weights w_i, the negative prompt u and the guidance scale g, a step is guided by
 * u + sum of w_i·g·(c_i - u): one factor for each, and what has the factor 0 is not computed. A plain prompt without
 * guidance therefore costs half.
 */

import { EngineError } from '../errors.ts';
import type { DiffusionModel, TextReader } from '../models/diffusion-model.ts';
import type { ClipOutput } from '../networks/clip-text.ts';
import type { StageRunOptions } from '../runtime/runtime.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { CLIP_LENGTH } from '../text/clip-tokenizer.ts';
import { emptyChunk, type PromptChunk } from '../text/prompt/chunks.ts';
import type { EmbeddedWord } from '../text/prompt/embedded-words.ts';
import { promptSchedule, type ConditioningStage } from '../text/prompt/prompt-schedule.ts';
import { plainPrompt, readPrompt, type ReadPrompt } from '../text/prompt/read-prompt.ts';
import type { Embedding } from '../weights/embedding.ts';
import { embeddedVocabulary, type EmbeddedVocabulary } from './embedded-vocabulary.ts';
import { emphasized } from './emphasis.ts';

/**
 * How prompts are read. `weighted`: weights, BREAK, AND, editing and alternation as in A1111's web UI, of any length.
 * `plain`: as diffusers does, every character is text, and what is beyond 75 tokens is cut off. A prompt of at most 75
 * tokens in which nothing is syntax is the same in both.
 */
export type PromptSyntax = 'weighted' | 'plain';

/** What to encode. */
export type Prompts = {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly syntax: PromptSyntax;
  /** Pictures of the batch, all with the same prompts. */
  readonly samples: number;
  /** Steps that the prompts may be edited over, at least 1. */
  readonly steps: number;
  /** Guidance scale; 1 and below count as 1. */
  readonly guidanceScale: number;
  /**
   * Layers skipped at the end of the encoder, for the prompt alone (diffusers' numbering: 0 none, 1 the last one).
   */
  readonly clipSkip: number;
  /** Names of the LoRAs that the model has in it. */
  readonly loras: readonly string[];
  /** Words with vectors of their own. */
  readonly embeddings: readonly Embedding[];
};

/** Prompts, encoded. */
export type Conditioning = {
  /** What each of the network's answers counts, in the order of the contexts; at least one. */
  readonly factors: readonly number[];
  /** Which of them is the negative prompt's. */
  readonly isNegative: readonly boolean[];
  /**
   * The text states of a step (from 1): [factors · samples, tokens, C], for every factor one for each picture; tokens are 77
   * for each 75 of the longest prompt.
   */
  readonly contextAt: (step: number) => HostTensor;
  /** SDXL: the pooled texts of a step, [factors · samples, P], in the same order. */
  readonly pooledAt: (step: number) => HostTensor | undefined;
};

/** What each answer counts where the prompt shall not: the negative ones alone. Where there are none, as always. */
export function unguidedFactors({ factors, isNegative }: Conditioning): readonly number[] {
  const count = isNegative.filter(Boolean).length;
  return count === 0 ? factors : isNegative.map((each) => (each ? 1 / count : 0));
}

/** One of the texts whose answers are mixed. */
type Branch = {
  readonly factor: number;
  readonly stages: readonly BranchStage[];
  readonly clipSkip: number;
  readonly isNegative: boolean;
  /** Whether it is zeros in place of what the encoders say. */
  readonly isZero: boolean;
};

/** What a branch says until a step. */
type BranchStage = { readonly until: number; readonly chunks: readonly PromptChunk[] };

/** What the text encoders say of a chunk: states [1, 77, C] side by side and, for SDXL, the pooled text [1, P]. */
type Encoded = { readonly states: HostTensor; readonly pooled: HostTensor | undefined };

/** Reads and encodes prompts; every distinct chunk of 75 tokens is encoded once. */
export async function encodePrompts(
  model: DiffusionModel,
  prompts: Prompts,
  run: StageRunOptions,
): Promise<Conditioning> {
  checkClipSkip(model, prompts.clipSkip);
  const vocabulary = embeddedVocabulary(model, prompts.embeddings);
  const branches = padded(
    branchesOf(model, prompts, vocabulary.words),
    emptyChunk(model.texts[0].tokenizer),
  );
  const known = new Map<string, Encoded>();
  for (const branch of branches) {
    for (const chunk of branch.stages.flatMap(({ chunks }) => chunks)) {
      const key = keyOf(chunk, branch);
      if (!known.has(key)) known.set(key, await encode(model, chunk, branch, { vocabulary, run }));
    }
  }
  const textsAt = textsBySteps(branches, known, prompts.samples);
  return {
    factors: branches.map(({ factor }) => factor),
    isNegative: branches.map(({ isNegative }) => isNegative),
    contextAt: (step) => textsAt(step).context,
    pooledAt: (step) => textsAt(step).pooled,
  };
}

type StepTexts = { readonly context: HostTensor; readonly pooled: HostTensor | undefined };

/** The texts of a step, put together once for all steps in a row that say the same. */
function textsBySteps(
  branches: readonly Branch[],
  encoded: ReadonlyMap<string, Encoded>,
  samples: number,
): (step: number) => StepTexts {
  let last: { readonly stages: readonly BranchStage[]; readonly texts: StepTexts } | undefined;
  return (step) => {
    const stages = branches.map(
      (branch) =>
        (branch.stages.find(({ until }) => step <= until) ?? branch.stages.at(-1)) as BranchStage,
    );
    if (last?.stages.every((stage, i) => stage === stages[i]) === true) return last.texts;
    const rows = branches.map((branch, i) =>
      (stages[i]?.chunks ?? []).map((chunk) => encoded.get(keyOf(chunk, branch)) as Encoded),
    );
    // Of a text of several chunks the first one counts, as in other programs.
    const pooled = rows.flatMap((row) => row[0]?.pooled ?? []);
    const texts = {
      context: joined(
        rows.map((row) => row.map(({ states }) => states)),
        samples,
      ),
      pooled: pooled.length === 0 ? undefined : stacked(pooled, samples),
    };
    last = { stages, texts };
    return texts;
  };
}

function keyOf({ ids, weights }: PromptChunk, { clipSkip, isZero }: Branch): string {
  return isZero ? 'zeros' : JSON.stringify([ids, weights, clipSkip]);
}

function branchesOf(
  model: DiffusionModel,
  prompts: Prompts,
  embeddings: readonly EmbeddedWord[],
): Branch[] {
  const { prompt, negativePrompt, syntax, steps, clipSkip } = prompts;
  const isPlain = syntax === 'plain';
  const positive = isPlain ? plainPrompt(prompt, steps) : readPrompt(prompt, { steps });
  const negative = isPlain
    ? plainPrompt(negativePrompt, steps)
    : readPrompt(negativePrompt, { steps, composes: false });
  for (const read of [positive, negative]) refuseLoras(read, prompts.loras);

  const schedule = (read: ReadPrompt): ConditioningStage[] =>
    promptSchedule(read, model.texts[0].tokenizer, {
      embeddings,
      ...(isPlain ? { commaBacktrack: 0 } : {}),
    });
  const stagesOf = (stages: readonly ConditioningStage[], sub: number): BranchStage[] =>
    stages.map(({ until, subPrompts }) => {
      const chunks = subPrompts[sub]?.chunks ?? [];
      return { until, chunks: isPlain ? chunks.slice(0, 1) : chunks };
    });
  const guidance = Math.max(1, prompts.guidanceScale);
  const total = positive.subPrompts.reduce((sum, { weight }) => sum + weight, 0);
  const stages = schedule(positive);
  const branches: Branch[] = [
    {
      factor: 1 - guidance * total,
      stages: stagesOf(schedule(negative), 0),
      clipSkip: 0,
      isNegative: true,
      isZero: model.zeroesEmptyPrompt && negativePrompt.trim() === '',
    },
    ...positive.subPrompts.map(({ weight }, i) => ({
      factor: guidance * weight,
      stages: stagesOf(stages, i),
      clipSkip,
      isNegative: false,
      isZero: false,
    })),
  ];
  return branches.filter(({ factor }) => factor !== 0);
}

/** All of the same length: shorter texts go on saying nothing. */
function padded(branches: readonly Branch[], filler: PromptChunk): Branch[] {
  const lengths = branches.flatMap(({ stages }) => stages.map(({ chunks }) => chunks.length));
  const count = Math.max(...lengths);
  return branches.map((branch) => ({
    ...branch,
    stages: branch.stages.map(({ until, chunks }) => ({
      until,
      chunks: [...chunks, ...Array<PromptChunk>(count - chunks.length).fill(filler)],
    })),
  }));
}

/** Fewer layers than there are can be skipped; the API's `clip_skip` counts from 1. */
function checkClipSkip({ texts, isXl, name }: DiffusionModel, clipSkip: number): void {
  const layers = Math.min(...texts.map(({ encoder }) => encoder.config.layers));
  const most = isXl ? layers - 1 : layers;
  if (Number.isInteger(clipSkip) && clipSkip >= 0 && clipSkip <= most) return;
  throw new EngineError(
    'invalid-argument',
    `clipSkip must be a whole number from 0 to ${most} (clip_skip from 1 to ${most + 1}), got ${clipSkip}: a text encoder of ${name} has ${layers} layers`,
    { detail: { field: 'clipSkip', value: clipSkip } },
  );
}

function refuseLoras({ loras }: ReadPrompt, known: readonly string[]): void {
  const lora = loras.find(({ name }) => !known.includes(name));
  if (lora === undefined) return;
  const { name, start, end } = lora;
  throw new EngineError(
    'invalid-argument',
    `the prompt asks at position ${start} for the LoRA ${name}, and none of that name is loaded`,
    { detail: { name, start, end } },
  );
}

async function encode(
  model: DiffusionModel,
  chunk: PromptChunk,
  { clipSkip, isZero }: Pick<Branch, 'clipSkip' | 'isZero'>,
  { vocabulary, run }: { vocabulary: EmbeddedVocabulary; run: StageRunOptions },
): Promise<Encoded> {
  const all: HostTensor[] = [];
  let pooled: HostTensor | undefined;
  for (const [i, reader] of model.texts.entries()) {
    // SDXL reads the last layer but one, without the norm.
    const layer = (model.isXl ? -2 : -1) - clipSkip;
    const outputs: ClipOutput[] = [
      { kind: 'hidden', name: 'state', layer, normed: !model.isXl },
      ...(reader.encoder.config.hasProjection
        ? [{ kind: 'pooled', name: 'pooled', projected: true } as const]
        : []),
    ];
    const ids = idsFor(reader, model.texts[0], chunk.ids);
    const encoded = await reader.encoder.encode(ids, CLIP_LENGTH, outputs, {
      ...run,
      extraEmbeddings: vocabulary.vectors[i],
    });
    all.push(emphasized(encoded['state'] as HostTensor, chunk.weights));
    pooled = encoded['pooled'] as HostTensor | undefined;
  }
  const result = { states: sideBySide(all), pooled };
  return isZero ? zeros(result) : result;
}

/** Ids as a further text encoder expects them: filled up with its own padding. */
function idsFor(
  { tokenizer }: TextReader,
  first: TextReader,
  ids: readonly number[],
): readonly number[] {
  if (tokenizer.pad === first.tokenizer.pad) return ids;
  const end = ids.indexOf(tokenizer.eos);
  return ids.map((id, i) => (i > end ? tokenizer.pad : id));
}

function zeros({ states, pooled }: Encoded): Encoded {
  const empty = ({ dims, data }: HostTensor): HostTensor => ({
    dims,
    data: new Float32Array(data.length),
  });
  return { states: empty(states), pooled: pooled && empty(pooled) };
}

/** States [1, T, C1], [1, T, C2], ... as [1, T, C1 + C2 + ...]. */
function sideBySide(states: readonly HostTensor[]): HostTensor {
  const [first] = states as [HostTensor];
  if (states.length === 1) return first;
  const [, tokens = 0] = first.dims;
  const widths = states.map(({ dims }) => dims[2] ?? 0);
  const total = widths.reduce((sum, width) => sum + width, 0);
  const data = new Float32Array(tokens * total);
  let offset = 0;
  for (const [i, state] of states.entries()) {
    const width = widths[i] ?? 0;
    for (let t = 0; t < tokens; t++) {
      data.set(state.data.subarray(t * width, (t + 1) * width), t * total + offset);
    }
    offset += width;
  }
  return { dims: [1, tokens, total], data };
}

/** Rows [1, P], each repeated `samples` times. */
function stacked(rows: readonly HostTensor[], samples: number): HostTensor {
  const width = rows[0]?.dims.at(-1) ?? 0;
  const data = new Float32Array(rows.length * samples * width);
  for (const [i, row] of rows.entries()) {
    for (let n = 0; n < samples; n++) data.set(row.data, (i * samples + n) * width);
  }
  return { dims: [rows.length * samples, width], data };
}

/** Rows of states [1, 77, C], each row joined along the tokens and repeated `samples` times along the batch. */
function joined(rows: readonly (readonly HostTensor[])[], samples: number): HostTensor {
  const [first = []] = rows;
  const [, tokens = 0, width = 0] = first[0]?.dims ?? [];
  const length = tokens * width;
  const data = new Float32Array(rows.length * samples * first.length * length);
  let at = 0;
  for (const states of rows) {
    for (let n = 0; n < samples; n++) {
      for (const state of states) {
        data.set(state.data, at);
        at += length;
      }
    }
  }
  return { dims: [rows.length * samples, first.length * tokens, width], data };
}
