/**
 * What machines are told of the models that ship: the table in docs/models.md, and what is refused before a download.
 */

import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { judge, refuseLarge, type Judgement } from '../../../src/engine/verdicts.ts';
import { FootprintPlanner } from '../../../src/models/footprint.ts';
import { shippedManifest, type ModelEntry } from '../../../src/models/manifest.ts';
import { machineOf, type MachineProfile } from '../../../src/runtime/machine.ts';
import type { RuntimeReport } from '../../../src/runtime/report.ts';
import { verdictTable } from '../../../tools/verdict-table.ts';
import { MACHINES } from '../../support/machines.ts';

const GIB = 2 ** 30;
const { models } = shippedManifest();

function judgeFor(machine: MachineProfile, entries: readonly ModelEntry[] = models): Judgement {
  return judge(entries, new FootprintPlanner(machine));
}

function entryOf(id: string): ModelEntry {
  return models.find((entry) => entry.id === id) as ModelEntry;
}

describe('the table of docs/models.md', () => {
  it('is what is told (npx tsx tools/verdict-table.ts prints it)', () => {
    expect(readFileSync('docs/models.md', 'utf8')).toContain(verdictTable(models));
  });
});

describe('a verdict', () => {
  let eight: Judgement;
  let two: Judgement;
  beforeAll(() => {
    eight = judgeFor(MACHINES['8 GB']);
    two = judgeFor(MACHINES['2 GB']);
  });

  it('says of each model in turn what it needs', () => {
    expect(eight.verdicts.map(({ id }) => id)).toEqual(models.map(({ id }) => id));
    const fitting = eight.verdicts.filter(({ state }) => state === 'fits');
    expect(fitting.filter(({ memoryBytes = Infinity }) => memoryBytes > 8 * GIB)).toEqual([]);
  });

  it('names what would fit where one does not', () => {
    const xl = two.verdicts.find(({ id }) => id === 'stable-diffusion-xl-base-1.0');
    expect(xl).toMatchObject({ state: 'no', instead: two.recommended });
    expect(xl?.reason).toMatch(/2\.1 GB/);
  });

  it('leads weak machines to few steps', () => {
    expect(entryOf(two.recommended ?? '').defaults?.steps).toBeLessThanOrEqual(4);
  });

  it('leads fast machines with room to the largest model', () => {
    const rates = { convolution: 1e14, matmul: 1e14, attention: 1e14, bytes: 2e12 };
    const machine = { ...MACHINES['16 GB'], throughput: { float16: rates, float32: rates } };
    const { recommended, verdicts } = judgeFor(machine);
    expect(recommended).toBe('stable-diffusion-xl-base-1.0');
    // 30 evaluations of 13.5 TFLOP at 100 TFLOP a second, and what is limited by memory.
    const seconds = verdicts.at(-1)?.secondsPerPicture;
    expect(seconds).toBeGreaterThan(4);
    expect(seconds).toBeLessThan(12);
  });

  it('recommends the embedded model where nothing else has room', () => {
    const tiny = judgeFor({ ...MACHINES['2 GB'], memoryBytes: GIB / 4 });
    expect(tiny.recommended).toBe('emoji-64');
    expect(tiny.verdicts.filter(({ state }) => state === 'fits')).toHaveLength(1);
  });

  it('does not guess without a family, and takes the word of an entry for its memory', () => {
    const stranger = { ...entryOf('sd-turbo') };
    delete stranger.family;
    const said = (fields: object): Judgement['verdicts'][0] | undefined =>
      judgeFor(MACHINES['4 GB'], [{ ...stranger, ...fields }]).verdicts[0];
    expect(said({})?.state).toBe('unknown');
    expect(said({ memoryBytes: 3 * GIB })?.state).toBe('fits');
    expect(said({ memoryBytes: 5 * GIB })?.state).toBe('no');
    expect(said({ family: 'sd2', memoryBytes: 5 * GIB })?.state).toBe('no');
  });

  it('counts no second row where the guidance scale is an input of the network', () => {
    const rates = { convolution: 1e12, matmul: 1e12, attention: 1e12, bytes: 1e12 };
    const machine = { ...MACHINES['8 GB'], throughput: { float16: rates, float32: rates } };
    const seconds = (id: string, guidanceScale: number): number | undefined => {
      const entry = { ...entryOf(id), defaults: { steps: 4, guidanceScale } };
      return judgeFor(machine, [entry]).verdicts[0]?.secondsPerPicture;
    };
    expect(seconds('lcm-dreamshaper-v7', 8)).toBe(seconds('lcm-dreamshaper-v7', 0));
    expect(seconds('stable-diffusion-v1-5', 8)).toBeGreaterThan(
      seconds('stable-diffusion-v1-5', 0) ?? Infinity,
    );
  });
});

describe('a model that has no room', () => {
  const planner = new FootprintPlanner({ ...MACHINES['2 GB'], isMemoryKnown: false });

  it('is refused with its size, the limit and what would fit', () => {
    const refuse = () => refuseLarge(entryOf('stable-diffusion-xl-base-1.0'), models, planner);
    expect(refuse).toThrow(
      expect.objectContaining({
        code: 'out-of-memory',
        message: expect.stringMatching(
          /xl-base.*needs 3\.\d GB.*has 2\.1 GB, by estimate.*sd-turbo.*memoryBytes/,
        ) as string,
        detail: expect.objectContaining({ limit: 2 * GIB, instead: 'sd-turbo' }) as object,
      }),
    );
  });

  it('is not refused where it has some, or where nothing is known of it', () => {
    const stranger = { ...entryOf('stable-diffusion-xl-base-1.0') };
    delete stranger.family;
    expect(() => refuseLarge(entryOf('emoji-64'), [], planner)).not.toThrow();
    expect(() => refuseLarge(stranger, [], planner)).not.toThrow();
  });
});

describe('what is known of a machine', () => {
  const report = {
    backend: 'webgpu',
    spelling: 'webgpu',
    precision: 'float16',
    throughput: {},
    device: { limits: { maxBufferSize: 2 * GIB, maxStorageBufferBindingSize: GIB } },
  } as unknown as RuntimeReport;
  const onWasm = { ...report, backend: 'wasm', device: undefined } as const;

  it.each([
    ['what a person says', { memoryBytes: 6e9, deviceMemory: 2 }, 6e9, true],
    ['half of a small main memory, but a whole buffer', { deviceMemory: 2 }, 2 * GIB, false],
    ['half of main memory', { deviceMemory: 8 }, 4 * GIB, false],
    ['as much where the browser does not say', {}, 4 * GIB, false],
  ] as const)('is %s', (_, hints, memoryBytes, isMemoryKnown) => {
    expect(machineOf(report, true, hints)).toMatchObject({
      memoryBytes,
      isMemoryKnown,
      maxBufferBytes: 2 * GIB,
      maxBindingBytes: GIB,
    });
  });

  it('ends with the heap on wasm', () => {
    expect(machineOf(onWasm, true, { memoryBytes: 64 * GIB }).memoryBytes).toBeLessThan(4 * GIB);
    expect(machineOf(onWasm, true, { deviceMemory: 2 }).memoryBytes).toBe(GIB);
    // Where the heap ends nothing is estimated: nobody could say better.
    expect(machineOf(onWasm, true, { deviceMemory: 2 }).isMemoryKnown).toBe(false);
    expect(machineOf(onWasm, true, { deviceMemory: 8 }).isMemoryKnown).toBe(true);
  });
});

describe('graphs that somebody else exported', () => {
  const ours = entryOf('stable-diffusion-v1-5');
  /** As Stable Diffusion 1.5 is exported in float32: 859.5, 123.1 and 49.5 million weights. */
  const exportedBytes = { unet: 3438e6, text_encoder: 492e6, vae_decoder: 198e6 };
  const said = (machine: MachineProfile, entry: ModelEntry): Judgement['verdicts'][0] | undefined =>
    judgeFor(machine, [entry]).verdicts[0];

  it('take what their files have, in no fewer bits, and work in their format', () => {
    const sum = 3438e6 + 492e6 + 198e6;
    const whole = said(MACHINES['16 GB'], ours)?.memoryBytes ?? NaN;
    const verdict = said(MACHINES['16 GB'], { ...ours, exportedBytes });
    expect(verdict).toMatchObject({ state: 'fits', weightBits: 16 });
    const { memoryBytes = NaN } = verdict ?? {};
    expect(memoryBytes).toBeGreaterThan(sum);
    // Twice what our graphs take in f16.
    expect(memoryBytes / whole).toBeGreaterThan(1.6);
    expect(memoryBytes / whole).toBeLessThan(2.1);
    // Exports in float16 are like ours.
    const half = { unet: 1719e6, text_encoder: 246e6, vae_decoder: 99e6 };
    const same = said(MACHINES['16 GB'], { ...ours, exportedBytes: half })?.memoryBytes ?? NaN;
    expect(same / whole).toBeGreaterThan(0.9);
    expect(same / whole).toBeLessThan(1.1);
  });

  it('are refused before a download where ours would do with fewer bits', () => {
    const planner = new FootprintPlanner(MACHINES['4 GB']);
    expect(said(MACHINES['4 GB'], ours)?.state).toBe('fits');
    const small = { ...MACHINES['4 GB'], memoryBytes: 3 * GIB };
    expect(said(small, { ...ours, exportedBytes })).toMatchObject({ state: 'no' });
    expect(() =>
      refuseLarge({ ...ours, exportedBytes }, [ours], new FootprintPlanner(small)),
    ).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
    expect(() => refuseLarge(ours, [], planner)).not.toThrow();
  });

  it('of no family are refused where the weights alone have no room', () => {
    const stranger = { ...ours, exportedBytes };
    delete stranger.family;
    expect(said(MACHINES['2 GB'], stranger)).toMatchObject({ state: 'no', memoryBytes: 3438e6 });
    expect(said(MACHINES['8 GB'], stranger)).toMatchObject({ state: 'unknown' });
  });
});
