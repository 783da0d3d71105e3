/**
 * Rates, the time left, and how often they are told.
 */

import { describe, expect, test } from 'vitest';
import { inWords } from '../../../src/downloads/failures.ts';
import {
  ProgressReporter,
  RateMeter,
  type DownloadProgress,
} from '../../../src/downloads/progress.ts';

describe('a rate', () => {
  test('is that of a steady stream from the first quarter of a second on', () => {
    const meter = new RateMeter(0);
    meter.add(1000, 100);
    expect(meter.bytesPerSecond).toBeUndefined();
    for (let now = 200; now <= 3000; now += 100) meter.add(1000, now);
    expect(meter.bytesPerSecond).toBeCloseTo(10_000, 6);
  });

  test('follows a change within seconds, and a burst hardly', () => {
    const meter = new RateMeter(0);
    for (let now = 500; now <= 10_000; now += 500) meter.add(500, now);
    meter.add(5000, 10_500);
    // One half-second at ten times the rate weighs 1 - exp(-0.1), about a tenth.
    expect(meter.bytesPerSecond).toBeCloseTo(1000 + 9000 * (1 - Math.exp(-0.1)), 6);
    for (let now = 11_000; now <= 40_000; now += 500) meter.add(1000, now);
    expect(meter.bytesPerSecond).toBeCloseTo(2000, -1);
  });

  test('falls while nothing comes', () => {
    const meter = new RateMeter(0);
    meter.add(1000, 1000);
    meter.add(0, 6000);
    expect(meter.bytesPerSecond).toBeCloseTo(1000 * Math.exp(-1), 6);
  });
});

describe('reports', () => {
  test('come ten times a second at most, and at every change', () => {
    let now = 0;
    const reports: DownloadProgress[] = [];
    const clock = { now: () => now, sleep: async () => undefined };
    const reporter = new ProgressReporter('file', clock, (progress) => reports.push(progress));
    reporter.report('waiting');
    for (; now <= 1000; now += 10) reporter.report('downloading', now * 100, 1_000_000);
    expect(reports).toHaveLength(12);
    expect(reports.at(-1)).toEqual({
      path: 'file',
      phase: 'downloading',
      received: 100_000,
      total: 1_000_000,
      bytesPerSecond: expect.closeTo(100_000, -3) as number,
      secondsLeft: expect.closeTo(9, 0) as number,
    });
    reporter.report('retrying');
    reporter.report('downloading', 100_100, 1_000_000);
    reporter.report('done', 1_000_000, 1_000_000);
    expect(reports.slice(-3).map(({ phase, received }) => [phase, received])).toEqual([
      ['retrying', 100_000],
      ['downloading', 100_100],
      ['done', 1_000_000],
    ]);
    expect(reports.at(-1)).toMatchObject({ bytesPerSecond: undefined, secondsLeft: undefined });
  });
});

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1 kB'],
  [34_400_000, '34 MB'],
  [2_132_625_612, '2.13 GB'],
  [6.9e12, '6.90 TB'],
  [6.9e15, '6900.00 TB'],
])('%d bytes are %s', (bytes, words) => {
  expect(inWords(bytes)).toBe(words);
});
