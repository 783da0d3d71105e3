/**
 * The charts in the documentation are of the samplers as they are.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SAMPLER_NAMES } from '../../../src/samplers/registry.ts';
import { charts } from '../../../tools/scheduler-chart/charts.ts';

const folder = join(import.meta.dirname, '../../../docs/schedulers');

test('charts show every sampler, as tools/scheduler-chart.ts draws it today', async () => {
  const files = await charts();
  expect(files.map(({ name }) => name)).toEqual(['sigmas.svg', 'timesteps.svg', 'errors.svg']);
  for (const { name, svg } of files) {
    for (const sampler of SAMPLER_NAMES) expect(svg).toContain(sampler.replace('Scheduler', '<'));
    expect(svg).not.toContain('NaN');
    expect(svg === (await readFile(join(folder, name), 'utf8'))).toBe(true);
  }
});
