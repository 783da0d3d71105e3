/**
 * The conformance cases that are small enough for every test run.
 */

import type { ConformanceCase, Setting } from '../../../tools/conformance/case.ts';
import { GoldenFolder } from '../../../tools/conformance/folder.ts';
import { collectCases } from '../../../tools/conformance/run.ts';
import { readGolden } from '../../support/goldens.ts';

/** All of `parts` and `upscalers`, and what is `wide` in `fullsize`. */
export async function smallCases(setting: Setting): Promise<ConformanceCase[]> {
  const files = ['parts', 'fullsize', 'upscalers'];
  const cases = await collectCases(new GoldenFolder(readGolden), files, setting);
  return cases.filter(({ name }) => /^(parts|upscalers|fullsize\/wide)\//.test(name));
}
