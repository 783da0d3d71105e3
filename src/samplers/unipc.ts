/**
 * UniPC: Zhao et al., "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion
 * Models" (2023), algorithms 5 to 8; lambda is the logarithm of a/s.
 *
 * Matches diffusers' UniPCMultistepScheduler, in data and noise prediction, with B1 and B2. Two limits that
 * are NaN there have values here: a last sigma of 0 gives the picture itself, a repeated one changes nothing.
 * Limitation: no `solver_p`, no flow matching.
 */

import { ConfigReader, type JsonConfig } from '../util/config-reader.ts';
import { sum, type Combination } from './algebra.ts';
import { lambdaOf, limitOf, slope, transition, wordOf, type Model } from './dpm-solver.ts';
import { solve } from './linear-system.ts';
import { finalSigma, multistepPlan, multistepSchedule } from './multistep-schedule.ts';
import { alphasCumprod, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, step, type Sampling } from './sampling.ts';
import { levelOfSigma } from './sigmas.ts';

/** UniPC, multistep. */
export const unipc = { plan };

type Solver = {
  /** Whose exact part is meant: of pictures (data prediction) or of noise. */
  readonly algorithm: 'dpmsolver++' | 'dpmsolver';
  readonly b: 'bh1' | 'bh2';
};

function plan(config: JsonConfig, request: SamplingRequest): SamplingPlan {
  const json = new ConfigReader('UniPCMultistepScheduler', config);
  json.only('solver_p', null);
  json.only('use_flow_sigmas', false, null);
  const type = predictionType(json);
  const order = json.number('solver_order', 2);
  const lowersFinalOrder = json.boolean('lower_order_final', true);
  const uncorrected = new Set(
    json.has('disable_corrector') ? json.numbers('disable_corrector') : [],
  );
  const isData = json.boolean('predict_x0', true);
  const solver: Solver = {
    algorithm: isData ? 'dpmsolver++' : 'dpmsolver',
    // Other samplers' solver types in a file that was theirs stand for the default.
    b: config['solver_type'] === 'bh1' ? 'bh1' : 'bh2',
  };
  const { timesteps, sigmas } = multistepSchedule(json, {
    table: alphasCumprod(noiseTableConfig(json)),
    steps: request.steps,
    final: finalSigma(json),
  });
  const n = timesteps.length;
  const begin = firstStep(request);

  function* sample(start: Combination): Sampling {
    let x = start;
    let last = start; // where the previous predictor started from
    let history: readonly Combination[] = []; // newest first
    let p = 0; // order of the previous predictor

    for (let i = begin; i < n; i++) {
      const level = levelOfSigma(sigmas[i]!);
      const output = yield* evaluate(x, timesteps[i]!);
      const seen = predict(type, x, output, level);
      const models = [wordOf(solver.algorithm, seen), ...history].map((value, k): Model => ({
        value,
        lambda: lambdaOf(sigmas[i - k]!),
      }));

      if (i > begin && !uncorrected.has(i - 1)) {
        // UniC-p: the present output counts as a difference like the earlier ones, at r = 1.
        x = advance(solver, last, [sigmas[i - 1]!, sigmas[i]!], {
          base: models[1]!,
          others: [...models.slice(2, p + 1), models[0]!],
        });
      }
      // UniP-q
      const q = Math.min(order, models.length, lowersFinalOrder ? n - i : order);
      const ends = [sigmas[i]!, sigmas[i + 1]!] as const;
      const corrected = isData ? seen : predict('epsilon', x, seen.noise, level);
      const next =
        limitOf(ends, x, corrected.original) ??
        advance(solver, x, ends, { base: models[0]!, others: models.slice(1, q) });
      p = q;
      const kept = models.slice(0, order).map(({ value }) => value);
      [x, last, ...history] = yield* step([next, x, ...kept], seen.original);
    }
    return x;
  }

  return multistepPlan(request, { timesteps, sigmas }, begin, sample);
}

/** From sigma to sigma by one output (`base`) and its differences to others: equations 3, 8 and 9. */
function advance(
  { algorithm, b }: Solver,
  x: Combination,
  [sigmaFrom, sigmaTo]: readonly [number, number],
  { base, others }: { base: Model; others: readonly Model[] },
): Combination {
  const { kept, share, z, h } = transition(algorithm, sigmaFrom, sigmaTo);
  const phi1 = Math.expm1(z); // z·phi_1(z)
  const bh = b === 'bh1' ? z : phi1;
  const r = others.map(({ lambda }) => (lambda - base.lambda) / h);
  const rho = weights(r, z, bh);
  return sum(
    [kept, x],
    [-share * phi1, base.value],
    ...others.map((other, k) => [-share * bh * rho[k]!, slope(h, other, base)] as const),
  );
}

/** The rho that solve R·rho = b of equation 9; for one difference the paper's 1/2, which needs no solving. */
function weights(r: readonly number[], z: number, bh: number): readonly number[] {
  if (r.length <= 1) return [0.5];
  const rows = r.map((_, i) => r.map((value) => value ** i));
  const b: number[] = [];
  let phi = Math.expm1(z) / z - 1;
  let factorial = 1;
  for (let i = 1; i <= r.length; i++) {
    factorial *= i;
    b.push((phi * factorial) / bh);
    phi = phi / z - 1 / (factorial * (i + 1));
  }
  return solve(rows, b);
}
