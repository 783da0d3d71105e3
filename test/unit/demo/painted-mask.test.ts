/**
 * The mask that is painted on the page, held to pixels counted by hand.
 */

import { describe, expect, test } from 'vitest';

import { PaintedMask } from '../../../demo/painted-mask.ts';

/** The mask as rows of text. */
function rows({ width, height, data }: PaintedMask): string[] {
  return Array.from({ length: height }, (_, y) =>
    [...data.subarray(y * width, (y + 1) * width)].map((value) => (value ? '#' : '.')).join(''),
  );
}

function dot(x: number, y: number, radius: number, erases = false) {
  return { from: { x, y }, to: { x, y }, radius, erases };
}

describe('a mask that is painted', () => {
  test('takes the pixels whose centres a brush reaches', () => {
    const mask = new PaintedMask(6, 5);
    mask.begin();
    mask.stroke(dot(2.5, 2.5, 1.2));
    expect(rows(mask)).toEqual(['......', '..#...', '.###..', '..#...', '......']);
    mask.stroke({ ...dot(0.5, 4.5, 0.5), to: { x: 3.5, y: 4.5 } });
    expect(rows(mask)[4]).toBe('####..');
    expect(mask.share).toBeCloseTo(9 / 30, 12);
  });

  test('goes on beyond the picture’s edge', () => {
    const mask = new PaintedMask(3, 3);
    mask.stroke(dot(-1, -1, 2.2));
    expect(rows(mask)).toEqual(['#..', '...', '...']);
    mask.stroke(dot(10, 10, 3));
    expect(rows(mask)).toEqual(['#..', '...', '...']);
  });

  test('is erased, inverted and cleared, and all of it taken back and done again', () => {
    const mask = new PaintedMask(3, 1);
    const states: string[] = [];
    const note = (): void => void states.push(rows(mask).join());
    mask.begin();
    mask.stroke(dot(1.5, 0.5, 5));
    note();
    mask.begin();
    mask.stroke(dot(0.5, 0.5, 0.5, true));
    note();
    mask.invert();
    note();
    mask.clear();
    note();
    expect(states).toEqual(['###', '.##', '#..', '...']);
    for (const state of states.slice(0, -1).toReversed()) {
      mask.undo();
      expect(rows(mask).join()).toBe(state);
    }
    mask.undo();
    expect([rows(mask).join(), mask.canUndo]).toEqual(['...', false]);
    for (const state of states) {
      mask.redo();
      expect(rows(mask).join()).toBe(state);
    }
    expect(mask.canRedo).toBe(false);
    mask.undo();
    mask.replace(Uint8Array.of(127, 128, 255));
    expect([rows(mask).join(), mask.canRedo]).toEqual(['.##', false]);
  });
});
