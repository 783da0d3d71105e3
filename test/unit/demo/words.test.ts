/**
 * What the page says in words: how far a drawing is, and how to switch a GPU on.
 */

import { describe, expect, test } from 'vitest';

import { gpuHelp } from '../../../demo/gpu-help.ts';
import { bytesText, progressText, secondsText, strengthText } from '../../../demo/progress-text.ts';

describe('progress', () => {
  const start = { progress: 0, step: 0, steps: 20, secondsLeft: undefined };

  test('is told by phase', () => {
    expect(progressText({ ...start, phase: 'starting' })).toBe('Starting the engine');
    expect(progressText({ ...start, phase: 'denoising' })).toBe('Beginning with noise');
    expect(progressText({ ...start, phase: 'decoding', step: 20 })).toBe('Finishing the picture');
  });

  test('counts steps, and says what is left once that is known', () => {
    const third = { ...start, phase: 'denoising', step: 3 } as const;
    expect(progressText(third)).toBe('Step 3 of 20');
    expect(progressText({ ...third, secondsLeft: 4.4 })).toBe('Step 3 of 20 · 4 s left');
    expect(progressText({ ...third, secondsLeft: 0.1 })).toBe('Step 3 of 20 · 1 s left');
  });

  test('tells of weights only while they are being loaded', () => {
    const loading = { ...start, phase: 'encoding' } as const;
    expect(progressText({ ...loading, loading: { bytesDone: 1e6, bytesTotal: 8e6 } })).toBe(
      'Loading weights, 1.0 MB of 8.0 MB',
    );
    expect(progressText({ ...loading, loading: { bytesDone: 8e6, bytesTotal: 8e6 } })).toBe(
      'Reading the prompt',
    );
  });

  test.each([
    [0.2, 4, 'details change'],
    [0.5, 10, 'shapes and colours may change'],
    [0.7, 14, 'little more than the layout stays'],
    [1, 20, 'hardly anything stays of the image'],
  ])('says what a strength of %d does', (strength, drawn, effect) => {
    expect(strengthText(strength, { steps: 20, drawn })).toBe(
      `${drawn} of 20 steps are drawn over it: ${effect}.`,
    );
  });

  test.each([
    [0.04, '0 s'],
    [3.24, '3.2 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min 0 s'],
    [200, '3 min 20 s'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(secondsText(seconds)).toBe(text);
  });

  test('writes bytes in kilobytes, megabytes and gigabytes', () => {
    expect(bytesText(4_300)).toBe('4.3 kB');
    expect(bytesText(12_345_678)).toBe('12.3 MB');
    expect(bytesText(3_200_000_000)).toBe('3.20 GB');
  });
});

describe('help with the GPU', () => {
  const AGENTS = {
    chrome:
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
    linux:
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
    edge: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0',
    android:
      'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36',
    firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
    safari:
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15',
    iphone:
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
    chromeOnIphone:
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1',
  };

  test.each([
    ['chrome', 'chrome://settings/system'],
    ['linux', 'chrome://flags/#enable-vulkan'],
    ['edge', 'edge://settings/system'],
    ['android', 'Android 12'],
    ['firefox', 'dom.webgpu.enabled'],
    ['safari', 'macOS 26'],
    ['iphone', 'iPadOS 26'],
    ['chromeOnIphone', 'iPadOS 26'],
  ] as const)('speaks to %s of %s', (name, words) => {
    expect(gpuHelp(AGENTS[name], true).join(' ')).toContain(words);
  });

  test('speaks of Linux to Linux alone', () => {
    expect(gpuHelp(AGENTS.chrome, true).join(' ')).not.toContain('Linux');
  });

  test('asks for https first where the page is not secure', () => {
    expect(gpuHelp(AGENTS.chrome, false)[0]).toContain('https');
    expect(gpuHelp(AGENTS.chrome, true)[0]).not.toContain('https');
  });

  test('has a word for browsers that it does not know', () => {
    expect(gpuHelp('Links (2.29)', true)).toHaveLength(1);
  });
});
