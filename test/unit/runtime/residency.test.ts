/**
 * Who stays in memory and who leaves.
 */

import { describe, expect, it } from 'vitest';
import { Residency } from '../../../src/runtime/residency.ts';

function tracked(budget?: number) {
  const residency = new Residency(budget);
  const released: string[] = [];
  const release = (id: string): Promise<void> => {
    released.push(id);
    return Promise.resolve();
  };
  const use = (id: string, bytes: number): Promise<void> =>
    residency.use(id, bytes, release, () => Promise.resolve());
  return { residency, released, release, use };
}

describe('a residency', () => {
  it('keeps everything without a budget', async () => {
    const { released, use } = tracked();
    for (const id of ['text', 'unet', 'vae']) await use(id, 1e12);
    expect(released).toEqual([]);
  });

  it('lets the least recently used leave, and no more than needed', async () => {
    const { released, use } = tracked(10);
    await use('text', 2);
    await use('unet', 6);
    await use('vae', 2);
    await use('text', 2);
    await use('control', 3);
    expect(released).toEqual(['unet']);
    await use('unet', 6);
    expect(released).toEqual(['unet', 'vae', 'text']);
  });

  it('lets in what alone exceeds the budget, alone', async () => {
    const { released, use } = tracked(10);
    await use('text', 2);
    await use('unet', 20);
    expect(released).toEqual(['text']);
    await use('vae', 1);
    expect(released).toEqual(['text', 'unet']);
  });

  it('never lets go of what is in use', async () => {
    const { residency, released, release, use } = tracked(10);
    await use('text', 4);
    await residency.use('unet', 6, release, async () => {
      await use('vae', 8);
      expect(released).toEqual(['text']);
      await residency.releaseIdle(release);
      expect(released).toEqual(['text', 'vae']);
    });
    await use('vae', 8);
    expect(released).toEqual(['text', 'vae', 'unet']);
  });

  it('learns from a device without memory', async () => {
    const { residency, released, use } = tracked();
    await use('unet', 6);
    expect(residency.tighten()).toBe(false);
    await use('vae', 4);
    expect(residency.tighten()).toBe(true);
    residency.clear();
    await use('unet', 6);
    await use('vae', 4);
    expect(released).toEqual(['unet']);
  });
});
