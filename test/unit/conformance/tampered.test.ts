/**
 * Goldens with one number changed: the runner must notice, whichever number of a run it is.
 */

import { describe, expect, test } from 'vitest';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { collectCases, runConformance } from '../../../tools/conformance/run.ts';
import { openGolden, type GoldenArray } from '../../../tools/goldens/golden-file.ts';
import { readGolden } from '../../support/goldens.ts';

const setting = { backend: 'wasm', precision: 'float32' } as const;

/** The goldens, but for one number of one array. */
async function tampered(stem: string, array: string, index: number): Promise<GoldenFolder> {
  const { json } = await openGolden<{ arrays: Record<string, GoldenArray> }>(readGolden, stem);
  const at = json.arrays[array]!.offset + 4 * index;
  return new GoldenFolder(async (path) => {
    const bytes = await readGolden(path);
    if (path === `${stem}.bin`) {
      const view = new DataView(bytes.buffer);
      view.setFloat32(at, view.getFloat32(at, true) + 0.2, true);
    }
    return bytes;
  });
}

/** The lines of those cases that fail, and the counts. */
async function verdict(folder: GoldenFolder, stem: string, only: RegExp) {
  const cases = await collectCases(folder, [stem], setting);
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  // These cases compute without a runtime.
  const summary = await runConformance(undefined as never, cases, { setting, only, print });
  return { ...summary, failures: lines.filter((line) => line.startsWith('FAIL')) };
}

describe('a golden that was tampered with fails its case, and no other', () => {
  test.each([
    ['71/final', 0],
    ['71/final', 255],
    ['71/timesteps', 1],
    ['71/sigmas', 2],
    ['71/first', 100],
    ['71/trace', 3],
  ])('schedulers: %s [%d]', async (array, index) => {
    const folder = await tampered('schedulers', array, index);
    const { passed, failed, failures } = await verdict(folder, 'schedulers', /^schedulers\/7\d\//);
    expect({ passed, failed }).toEqual({ passed: 9, failed: 1 });
    expect(failures[0]).toContain('schedulers/71/DPMSolverMultistepScheduler,4');
  });

  test('rng', async () => {
    const folder = await tampered('rng', '0/16', 7);
    const { failed, failures } = await verdict(folder, 'rng', /^rng\/0\//);
    expect(failed).toBe(1);
    expect(failures[0]).toContain('rng/0/16');
  });

  test('untouched, none fails', async () => {
    const { failed, passed } = await verdict(new GoldenFolder(readGolden), 'schedulers', /./);
    expect({ passed, failed }).toEqual({ passed: 223, failed: 0 });
  });
});
