/**
 * Prints the table of docs/models.md: what machines are told of the models that ship. A unit test compares.
 */

import { fileURLToPath } from 'node:url';
import { judge, type ModelVerdict } from '../src/engine/verdicts.ts';
import { FootprintPlanner } from '../src/models/footprint.ts';
import { shippedManifest, type ModelEntry } from '../src/models/manifest.ts';
import { MACHINES } from '../test/support/machines.ts';

/** The table in Markdown: a row for each model, a column for each machine. */
export function verdictTable(models: readonly ModelEntry[]): string {
  const judged = Object.entries(MACHINES).map(([name, machine]) => {
    const { verdicts, recommended } = judge(models, new FootprintPlanner(machine));
    const cells = verdicts.map((verdict) => cell(verdict, verdict.id === recommended));
    return [name, ...cells];
  });
  const rows = [
    ['', ...judged.map(([name = '']) => name)],
    ...models.map(({ id }, i) => [`\`${id}\``, ...judged.map((column) => column[i + 1] ?? '')]),
  ];
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
}

function cell(
  { state, weightBits, needsLightVae, memoryBytes = 0 }: ModelVerdict,
  isBest: boolean,
): string {
  if (state === 'no') return 'no';
  const forms = [
    ...(weightBits === 16 ? [] : [`${weightBits} bits`]),
    ...(needsLightVae ? ['TAESD'] : []),
  ];
  const words = [`${state} ${(memoryBytes / 1e9).toFixed(1)} GB`, ...forms].join(', ');
  return isBest ? `**${words}**` : words;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(verdictTable(shippedManifest().models));
