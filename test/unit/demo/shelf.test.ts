/**
 * The shelf without its page: which step an entry offers, where it stands, and what is said of it.
 */

import { describe, expect, test } from 'vitest';

import {
  byUse,
  isEstimateToBlame,
  nextStep,
  sectionOf,
  type ShelfItem,
} from '../../../demo/shelf-data.ts';
import type { ModelVerdict } from '../../../src/index.ts';
import { costTexts, kindText, storageText, transferText } from '../../../demo/shelf-words.ts';

const TURBO: ModelVerdict = {
  id: 'turbo',
  state: 'fits',
  weightBits: 16,
  needsLightVae: false,
  downloadBytes: 2.58e9,
  memoryBytes: 3.1e9,
  secondsPerPicture: 6.2,
  reason: '',
};

function item(
  state: ShelfItem['stored']['state'],
  verdict?: ShelfItem['verdict'],
  more: Partial<Pick<ShelfItem, 'isRecommended'>> = {},
): ShelfItem {
  const name = { kind: 'model', id: 'turbo' } as const;
  return {
    ...name,
    entry: {
      id: 'turbo',
      name: 'Turbo',
      family: 'sd2',
      nativeSize: 512,
      source: { kind: 'hub', repository: 'owner/turbo' },
      licence: 'of its own',
    },
    isOwn: false,
    stored: { ...name, state, bytesHere: state === 'here' ? 2.58e9 : 0 },
    verdict,
    isRecommended: false,
    isChosen: false,
    ...more,
  };
}

const TOO_LARGE: ModelVerdict = { ...TURBO, state: 'no', secondsPerPicture: undefined };

describe('an entry', () => {
  test('offers one step, by what of it is here', () => {
    expect(nextStep(item('absent', TURBO), false)).toBe('download');
    expect(nextStep(item('partial', TURBO), false)).toBe('resume');
    expect(nextStep(item('partial', TURBO), true)).toBe('pause');
    expect(nextStep(item('here', TURBO), false)).toBe('use');
    expect(nextStep(item('locked', TURBO), false)).toBe('unlock');
    expect(nextStep(item('lost', TURBO), false)).toBe('find');
  });

  test('that does not fit can be neither downloaded nor used, but a download under way be stopped', () => {
    for (const state of ['absent', 'partial', 'here'] as const) {
      expect(nextStep(item(state, TOO_LARGE), false)).toBeUndefined();
    }
    expect(nextStep(item('partial', TOO_LARGE), true)).toBe('pause');
  });

  test('of which nothing can be told may be tried', () => {
    expect(nextStep(item('absent'), false)).toBe('download');
    expect(nextStep(item('here'), false)).toBe('use');
  });

  test('stands with what is here, what could be, or what does not fit', () => {
    expect(sectionOf(item('here', TOO_LARGE))).toBe('here');
    expect(sectionOf(item('absent', TURBO))).toBe('web');
    expect(sectionOf(item('absent', TURBO, { isRecommended: true }))).toBe('best');
    expect(sectionOf(item('absent', TOO_LARGE))).toBe('no');
    // Beginning and pausing a download moves nothing.
    expect(sectionOf(item('partial', TURBO))).toBe('web');
  });

  test('comes before what suits the machine less', () => {
    const tight = item('absent', { ...TURBO, state: 'tight' });
    const best = item('absent', TURBO, { isRecommended: true });
    const fits = item('absent', TURBO);
    expect([tight, fits, best].sort(byUse)).toEqual([best, fits, tight]);
  });
});

describe('the words', () => {
  test('tell what an entry is', () => {
    expect(kindText(item('absent'))).toBe('Stable Diffusion 2');
    const { entry } = item('absent');
    expect(kindText({ kind: 'lora', entry })).toBe('LoRA for Stable Diffusion 2');
  });

  test('tell what it costs, as far as that is known', () => {
    expect(costTexts(item('absent', TURBO))).toEqual([
      '2.58 GB to download',
      '3.10 GB of memory',
      'about 6.2 s a picture',
    ]);
    expect(costTexts(item('here', { ...TURBO, weightBits: 4 }))).toEqual([
      '2.58 GB on this machine',
      '3.10 GB of memory',
      'weights in 4 bits',
      'about 6.2 s a picture',
    ]);
    expect(costTexts(item('embedded'))).toEqual(['part of the page']);
  });

  test('let a person say the memory where an estimate stands in the way', () => {
    const blamed = (state: ModelVerdict['state'], isMemoryKnown: boolean): boolean =>
      isEstimateToBlame(item('absent', { ...TURBO, state }), isMemoryKnown);
    expect([blamed('no', false), blamed('tight', false)]).toEqual([true, true]);
    expect([blamed('fits', false), blamed('no', true)]).toEqual([false, false]);
  });

  test('tell how far a download is', () => {
    const start = { phase: 'downloading', received: 1.2e9, total: 2.4e9 } as const;
    expect(transferText(start)).toBe('1.20 GB of 2.40 GB');
    expect(transferText({ ...start, bytesPerSecond: 2e7, secondsLeft: 60 })).toBe(
      '1.20 GB of 2.40 GB · 20.0 MB/s · 1 min 0 s left',
    );
    expect(transferText({ phase: 'downloading', received: 5e6 })).toBe('5.0 MB');
    expect(transferText({ ...start, received: 0, phase: 'waiting' })).toBe('Waiting for its turn');
    expect(transferText({ ...start, phase: 'waiting' })).toMatch(/ · waiting for the rest$/);
  });

  test('tell how much is used', () => {
    expect(storageText({ usage: 0, quota: 4e10 })).toBe('Nothing is kept yet, 40.00 GB may be.');
    expect(storageText({ usage: 2.9e9 })).toBe('2.90 GB used.');
  });
});
