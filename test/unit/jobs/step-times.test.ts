/**
 * Estimates of how long a drawing takes.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StepTimes, type Work } from '../../../src/jobs/step-times.ts';

const work: Work = { model: 'a', width: 512, height: 512, samples: 1, steps: 30 };

describe('an estimate', () => {
  test('is what the same work took, and follows what it takes now', () => {
    const times = new StepTimes();
    times.record(work, 16);
    expect(times.estimate(work)).toBeCloseTo(16);
    times.record(work, 32);
    expect(times.estimate(work)).toBeCloseTo(24);
    for (let i = 0; i < 10; i++) times.record(work, 8);
    expect(times.estimate(work)).toBeCloseTo(8, 0);
  });

  test('goes with steps, pictures and pixels', () => {
    const times = new StepTimes();
    times.record(work, 16);
    expect(times.estimate({ ...work, steps: 62 })).toBeCloseTo(32);
    expect(times.estimate({ ...work, samples: 2 })).toBeCloseTo(32);
    expect(times.estimate({ ...work, width: 1024 })).toBeCloseTo(32);
  });

  test('is by the nearest size of the model, else by another model, else a guess', () => {
    const times = new StepTimes();
    expect(times.estimate(work)).toBeGreaterThan(0);
    times.record({ ...work, model: 'b' }, 160);
    expect(times.estimate(work)).toBeCloseTo(160);
    times.record({ ...work, width: 256 }, 4);
    times.record({ ...work, width: 1024 }, 40);
    expect(times.estimate({ ...work, width: 768 })).toBeCloseTo(30);
    expect(times.estimate({ ...work, width: 320 })).toBeCloseTo(5);
  });

  test('is never negative or infinite', () => {
    const works = fc.record({
      model: fc.constantFrom('a', 'b', 'c'),
      width: fc.integer({ min: 64, max: 1024 }),
      height: fc.integer({ min: 64, max: 1024 }),
      samples: fc.integer({ min: 1, max: 4 }),
      steps: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(works, fc.double({ min: 0, max: 1e6, noNaN: true }))),
        works,
        (known, asked) => {
          const times = new StepTimes();
          for (const [one, seconds] of known) times.record(one, seconds);
          const estimate = times.estimate(asked);
          expect(estimate).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(estimate)).toBe(true);
        },
      ),
    );
  });
});
