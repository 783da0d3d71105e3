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
import { solve } from './linear-system.ts';
import { alphasCumprod, noiseTableConfig } from './noise-table.ts';
import { predict, predictionType } from './prediction.ts';
import { firstStep, mixtures, type SamplingPlan, type SamplingRequest } from './sampler.ts';
import { evaluate, step, type Sampling } from './sampling.ts';
import { levelOfSigma } from './sigmas.ts';
import { multistepSchedule } from './multistep-schedule.ts';

/** UniPC, multistep. */
export const unipc = { plan };

/** An earlier output, converted, and the lambda it belongs to. */
type Model = { readonly value: Combination; readonly lambda: number };

type Solver = {
  /** The outputs are converted to pictures (data prediction) rather than noise. */
  readonly predictsData: boolean;
  readonly b: 'bh1' | 'bh2';
};

const lambdaOf = (sigma: number): number => -Math.log(sigma);

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
  const solver: Solver = {
    predictsData: json.boolean('predict_x0', true),
    // Other samplers' solver types in a file that was theirs stand for the default.
    b: config['solver_type'] === 'bh1' ? 'bh1' : 'bh2',
  };
  const { timesteps, sigmas } = multistepSchedule(json, {
    table: alphasCumprod(noiseTableConfig(json)),
    steps: request.steps,
  });
  const n = timesteps.length;
  const begin = firstStep(request);

  function* sample(start: Combination): Sampling {
    let x = start;
    let last = start; // where the previous predictor started from
    let history: readonly Combination[] = []; // newest first
    let p = 0; // order of the previous predictor

    for (let i = begin; i < n; i++) {
      const output = yield* evaluate(x, timesteps[i]!);
      const { original, noise } = predict(type, x, output, levelOfSigma(sigmas[i]!));
      const models = [solver.predictsData ? original : noise, ...history].map(
        (value, k): Model => ({ value, lambda: lambdaOf(sigmas[i - k]!) }),
      );

      if (i > begin && !uncorrected.has(i - 1)) {
        // UniC-p: the present output counts as a difference like the earlier ones, at r = 1.
        x = advance(solver, last, [sigmas[i - 1]!, sigmas[i]!], {
          base: models[1]!,
          others: [...models.slice(2, p + 1), models[0]!],
        });
      }
      // UniP-q
      const q = Math.min(order, models.length, lowersFinalOrder ? n - i : order);
      const next = advance(solver, x, [sigmas[i]!, sigmas[i + 1]!], {
        base: models[0]!,
        others: models.slice(1, q),
      });
      p = q;
      const kept = models.slice(0, order).map(({ value }) => value);
      [x, last, ...history] = yield* step([next, x, ...kept], original);
    }
    return x;
  }

  return {
    timesteps: timesteps.slice(begin),
    sigmas: sigmas.slice(begin),
    ...mixtures(request, begin, {
      initial: 1,
      at: (i) => {
        const { a, s } = levelOfSigma(sigmas[i]!);
        return { picture: a, noise: s };
      },
    }),
    sample,
  };
}

/** From sigma to sigma by one output (`base`) and its differences to others: equations 3, 8 and 9. */
function advance(
  { predictsData, b }: Solver,
  x: Combination,
  [sigmaFrom, sigmaTo]: readonly [number, number],
  { base, others }: { base: Model; others: readonly Model[] },
): Combination {
  const [from, to] = [levelOfSigma(sigmaFrom), levelOfSigma(sigmaTo)];
  if (sigmaTo === 0) {
    return predictsData ? base.value : sum([1 / from.a, x], [-from.s / from.a, base.value]);
  }
  const h = lambdaOf(sigmaTo) - lambdaOf(sigmaFrom);
  if (h === 0) return x;

  const hh = predictsData ? -h : h;
  const phi1 = Math.expm1(hh); // hh·phi_1(hh)
  const bh = b === 'bh1' ? hh : phi1;
  const [kept, share] = predictsData ? [to.s / from.s, to.a] : [to.a / from.a, to.s];

  const r = others.map(({ lambda }) => (lambda - base.lambda) / h);
  const rho = weights(r, hh, bh);
  return sum(
    [kept, x],
    [-share * phi1, base.value],
    ...others.map(
      ({ value }, k) =>
        [(-share * bh * rho[k]!) / r[k]!, sum([1, value], [-1, base.value])] as const,
    ),
  );
}

/** The rho that solve R·rho = b of equation 9; for one difference the paper's 1/2, which needs no solving. */
function weights(r: readonly number[], hh: number, bh: number): readonly number[] {
  if (r.length <= 1) return [0.5];
  const rows = r.map((_, i) => r.map((value) => value ** i));
  const b: number[] = [];
  let phi = Math.expm1(hh) / hh - 1;
  let factorial = 1;
  for (let i = 1; i <= r.length; i++) {
    factorial *= i;
    b.push((phi * factorial) / bh);
    phi = phi / hh - 1 / (factorial * (i + 1));
  }
  return solve(rows, b);
}
