/**
 * PNDM: Liu et al., "Pseudo Numerical Methods for Diffusion Models on Manifolds" (2022): its transfer goes from one
 * timestep to another by a given noise (equation 11). That noise is at first found by Runge and Kutta's method
 * (equation 13), or with `skip_prk_steps` by an improved Euler step; then by a linear multistep method (12).
 *
 * Matches diffusers' PNDMScheduler, which in image-to-image starts in the middle of the list of evaluations of a whole
 * run: one takes another's place, and all that follow are a step out of phase. That is only done `asUpstream`;
 * else a run that starts later starts as any other does.
 */

import type { JsonConfig } from '../util/config-reader.ts';
import { ADAMS_BASHFORTH_ORDER, extrapolated } from './adams-bashforth.ts';
import { sum, type Combination } from './algebra.ts';
import { alphasCumprod, levelOfAlpha, noiseTableConfig, type Level } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, type Mixture, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, step, type Sampling } from './sampling.ts';
import { readerWithout } from './scheduler-config.ts';
import { spacedTimesteps, spacingConfig } from './timesteps.ts';

/** PNDM; with `skip_prk_steps`, as Stable Diffusion has it, also known as PLMS. */
export const pndm = { plan };

/** Steps that are taken by Runge and Kutta's method. */
const RUNGE_KUTTA_STEPS = 3;
const RUNGE_KUTTA_WEIGHTS = [1 / 6, 1 / 3, 1 / 3, 1 / 6] as const;

/** A step: where it evaluates, and for Runge and Kutta's also where it starts. */
type Stage =
  | { readonly kind: 'runge-kutta'; readonly at: readonly number[]; readonly from: number }
  | { readonly kind: 'improved-euler' | 'multistep'; readonly at: readonly number[] };

/** What a step comes to. */
type Outcome = { readonly next: Combination; readonly original: Combination };

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = readerWithout('PNDMScheduler', config, 'rescale_betas_zero_snr');
  const type = predictionType(json);
  const table = noiseTableConfig(json);
  const spaced = spacedTimesteps('whole', spacingConfig(json, 'leading'), request.steps);
  const stride = Math.floor(table.trainSteps / request.steps);
  const half = Math.floor(stride / 2);
  const skipsPrk = json.boolean('skip_prk_steps', false);
  const begin = firstStep(request);
  const rest = spaced.slice(begin);
  const isSliced = request.asUpstream === true && rest.length > 0;
  const stages = stagesOf(isSliced ? spaced : rest, { skipsPrk, half, skip: isSliced ? begin : 0 });

  const alphas = alphasCumprod(table);
  const finalAlpha = json.boolean('set_alpha_to_one', false) ? 1 : alphas[0]!;
  const levelAt = (t: number): Level =>
    levelOfAlpha(t < 0 ? finalAlpha : alphas[Math.min(t, alphas.length - 1)]!);

  function transfer(x: Combination, output: Combination, from: number, to: number): Outcome {
    const { original, noise } = predict(type, x, output, levelAt(from));
    const { a, s } = levelAt(to);
    return { next: sum([a, original], [s, noise]), original };
  }

  function* sample(start: Combination): Sampling {
    let x = start;
    let history: readonly Combination[] = []; // outputs, newest first
    for (const stage of stages) {
      let result: Outcome = { next: x, original: x };
      const outputs: Combination[] = [];
      for (const [j, t] of stage.at.entries()) {
        outputs.push(yield* evaluate(result.next, t));
        switch (stage.kind) {
          case 'runge-kutta': {
            const output = j < 3 ? outputs[j]! : weighted(RUNGE_KUTTA_WEIGHTS, outputs);
            result = transfer(x, output, stage.from, j % 2 === 0 ? t - half : t);
            break;
          }
          case 'improved-euler':
            result =
              j === 0
                ? transfer(x, outputs[0]!, t, t - stride)
                : transfer(x, weighted([1 / 2, 1 / 2], outputs), t + stride, t);
            break;
          case 'multistep':
            result = transfer(x, extrapolated([...outputs, ...history]), t, t - stride);
        }
      }
      const kept = [outputs[0]!, ...history].slice(0, ADAMS_BASHFORTH_ORDER - 1);
      [x, ...history] = yield* step([result.next, ...kept], result.original);
    }
    return x;
  }

  const noised = (done: number): Mixture => {
    const stage = stages[done];
    if (stage === undefined) return { picture: 1, noise: 0 };
    const { a, s } = levelAt(stage.at[0]!);
    return { picture: a, noise: s };
  };
  return {
    timesteps: stages.flatMap(({ at }) => at),
    steps: stages.length,
    start: request.strength === undefined ? { picture: 0, noise: 1 } : noised(0),
    noised,
    sample,
  };
}

/** The steps over `timesteps`, without the first `skip` evaluations. */
function stagesOf(
  timesteps: readonly number[],
  { skipsPrk, half, skip }: { skipsPrk: boolean; half: number; skip: number },
): Stage[] {
  const multistep = (at: number[]): Stage[] => at.map((t) => ({ kind: 'multistep', at: [t] }));
  // Runge and Kutta's steps lead from timestep to timestep, so they need one more.
  if (skipsPrk || timesteps.length <= RUNGE_KUTTA_STEPS) {
    const evaluations = [...timesteps.slice(0, 2), ...timesteps.slice(1)].slice(skip);
    if (evaluations.length === 0) return [];
    const first: Stage = { kind: 'improved-euler', at: evaluations.slice(0, 2) };
    return [first, ...multistep(evaluations.slice(2))];
  }
  const starts = timesteps.slice(0, RUNGE_KUTTA_STEPS);
  const evaluations = starts
    .flatMap((t, i) => [t, timesteps[i + 1]! + half, timesteps[i + 1]! + half, timesteps[i + 1]!])
    .concat(timesteps.slice(RUNGE_KUTTA_STEPS))
    .slice(skip);
  const count = RUNGE_KUTTA_WEIGHTS.length;
  const first = starts.map((from, i): Stage => {
    return { kind: 'runge-kutta', at: evaluations.slice(i * count, (i + 1) * count), from };
  });
  return [
    ...first.filter(({ at }) => at.length > 0),
    ...multistep(evaluations.slice(RUNGE_KUTTA_STEPS * count)),
  ];
}

function weighted(weights: readonly number[], outputs: readonly Combination[]): Combination {
  return sum(...outputs.map((output, j) => [weights[j]!, output] as const));
}
