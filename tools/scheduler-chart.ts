/**
 * Writes the charts of docs/schedulers: `npx tsx tools/scheduler-chart.ts`.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { charts } from './scheduler-chart/charts.ts';

async function main(): Promise<void> {
  for (const { name, svg } of await charts()) {
    await writeFile(join(import.meta.dirname, '../docs/schedulers', name), svg);
    console.log(`docs/schedulers/${name}: ${svg.length} bytes`);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
