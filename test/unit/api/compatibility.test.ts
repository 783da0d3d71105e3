/**
 * docs/compatibility.md says what the code does.
 */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { COMPATIBILITY_FILE, compatibilityText } from '../../../tools/compatibility.ts';

test('docs/compatibility.md is what `npx tsx tools/compatibility.ts` writes', async () => {
  expect(readFileSync(COMPATIBILITY_FILE, 'utf8')).toBe(await compatibilityText());
});
