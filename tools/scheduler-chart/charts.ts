/**
 * What the documentation shows of the samplers, made from the samplers themselves: where they go at 20 steps,
 * and how their error falls.
 */

import { samplerOf, SAMPLER_NAMES, type SamplerName } from '../../src/samplers/registry.ts';
import type { SamplingPlan } from '../../src/samplers/sampler.ts';
import type { JsonConfig } from '../../src/util/config-reader.ts';
import { GaussianProblem } from './gaussian.ts';
import { sheet, short, svgFile, textAt, type Line, type Panel } from './svg.ts';

/** The scheduler_config.json of Stable Diffusion 1.5, as its pipelines read it. */
const SD15: JsonConfig = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
};

const KARRAS: JsonConfig = { use_karras_sigmas: true };

const STEPS = 20;

/** Deviations of the pictures on whose parts errors are measured: flat ones and loud ones. */
const PROBLEMS = [0.5, 1, 2].map((deviation) => new GaussianProblem(SD15, deviation));
const STEP_COUNTS = [5, 6, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100];
/** LCM has no more steps than its distillation. */
const LCM_STEPS = 50;

/** A chart as a file. */
export type ChartFile = { readonly name: string; readonly svg: string };

/** All charts. */
export async function charts(): Promise<ChartFile[]> {
  return [
    { name: 'sigmas.svg', svg: sigmasChart() },
    { name: 'timesteps.svg', svg: timestepsChart() },
    { name: 'errors.svg', svg: await errorsChart() },
  ];
}

/** How far the deviation of what is drawn is off, on the known problem: the root of the mean square. */
async function errorOf(plan: SamplingPlan): Promise<number> {
  const squares = await Promise.all(
    PROBLEMS.map(async (problem) => {
      const ratios = await problem.run(plan);
      return (ratios.at(-1)! - 1) ** 2;
    }),
  );
  return Math.sqrt(squares.reduce((a, b) => a + b) / squares.length);
}

/** Whether Karras' sigmas make a difference. */
function hasKarras(name: SamplerName): boolean {
  const [plain, karras] = [planOf(name, STEPS), planOf(name, STEPS, KARRAS)];
  return sigmasOf(plain).join() !== sigmasOf(karras).join();
}

function planOf(name: SamplerName, steps: number, more: JsonConfig = {}): SamplingPlan {
  return samplerOf(name).plan({ ...SD15, ...more }, { steps });
}

function titleOf(name: SamplerName): string {
  return name.replace('Scheduler', '');
}

/** The sigma before each step; 0, after the last one, has no place on a logarithmic axis. */
function sigmasOf({ steps, noised }: SamplingPlan): [number, number][] {
  return Array.from({ length: steps }, (_, i) => {
    const { picture, noise } = noised(i);
    return [i, noise / picture];
  });
}

function sigmasChart(): string {
  const panels = SAMPLER_NAMES.map((name): Panel => {
    const plain = sigmasOf(planOf(name, STEPS));
    const karras = sigmasOf(planOf(name, STEPS, KARRAS));
    const other: Line[] = hasKarras(name)
      ? [{ style: 'other', points: karras, hasDots: true }]
      : [];
    return {
      title: titleOf(name),
      note: `${short2(plain[0]![1])} to ${short2(plain.at(-1)![1])}`,
      lines: [{ style: 'own', points: plain, hasDots: true }, ...other],
    };
  });
  return sheet('Sigmas of each scheduler at 20 steps', {
    panels,
    x: { from: 0, to: STEPS, ticks: [0, 10, 20] },
    y: { from: 0.02, to: 20, ticks: [0.1, 1, 10], isLogarithmic: true },
    legend: [
      { style: 'own', label: 'sigma (noise over picture) before each of 20 steps' },
      { style: 'other', label: 'with use_karras_sigmas, where that makes a difference' },
    ],
  });
}

function short2(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function timestepsChart(): string {
  const [left, right, top, row] = [170, 850, 44, 20];
  const xOf = (t: number): number => right - ((right - left) * t) / 999;
  const bottom = top + SAMPLER_NAMES.length * row;
  const grid = [999, 800, 600, 400, 200, 0].map((t) => {
    const x = short(xOf(t));
    const label = textAt(xOf(t), 32, String(t), { kind: 'quiet', anchor: 'middle' });
    return `<line class="grid" x1="${x}" x2="${x}" y1="${top - 6}" y2="${bottom}"/>${label}`;
  });
  const rows = SAMPLER_NAMES.map((name, i) => {
    const { timesteps } = planOf(name, STEPS);
    const y = top + i * row + row / 2;
    const places = new Set(timesteps.map((t) => short(xOf(t))));
    const dots = [...places].map((x) => `<circle class="own" cx="${x}" cy="${y}" r="3"/>`);
    const count = textAt(right + 18, y + 4, `${timesteps.length} evaluations`, { kind: 'quiet' });
    return textAt(16, y + 4, titleOf(name)) + dots.join('') + count;
  });
  const axis = textAt(16, 32, 'timestep', { kind: 'quiet' });
  const title = 'Timesteps at which the network is evaluated, at 20 steps';
  return svgFile(960, bottom + 14, title, [axis, ...grid, ...rows].join('\n'));
}

/** Error by number of steps. */
function errorsOf(name: SamplerName, more: JsonConfig): Promise<[number, number][]> {
  const counts = STEP_COUNTS.filter((n) => name !== 'LCMScheduler' || n <= LCM_STEPS);
  return Promise.all(
    counts.map(async (n) => [n, await errorOf(planOf(name, n, more))] as [number, number]),
  );
}

async function errorsChart(): Promise<string> {
  const plain = await Promise.all(SAMPLER_NAMES.map((name) => errorsOf(name, {})));
  const karras = await Promise.all(
    SAMPLER_NAMES.map((name) => (hasKarras(name) ? errorsOf(name, KARRAS) : Promise.resolve([]))),
  );
  const at20 = (points: [number, number][]): string =>
    points
      .flatMap(([n, error]) => (n === STEPS ? [`${Number((100 * error).toPrecision(2))} %`] : []))
      .join();
  const panels = SAMPLER_NAMES.map((name, i): Panel => {
    const [own, other] = [plain[i]!, karras[i]!];
    return {
      title: titleOf(name),
      note: `at 20: ${at20(own)}${other.length === 0 ? '' : `, Karras ${at20(other)}`}`,
      lines: [
        ...plain.map((points): Line => ({ style: 'faint', points })),
        { style: 'other', points: other },
        { style: 'own', points: own },
      ],
    };
  });
  return sheet('Error of each scheduler against the number of steps', {
    panels,
    x: { from: 5, to: 100, ticks: [5, 10, 20, 50, 100], isLogarithmic: true },
    y: { from: 0.0003, to: 1, ticks: [0.001, 0.01, 0.1, 1], isLogarithmic: true },
    legend: [
      { style: 'own', label: 'error against the number of steps' },
      { style: 'other', label: 'with use_karras_sigmas' },
      { style: 'faint', label: 'the other schedulers' },
    ],
  });
}
