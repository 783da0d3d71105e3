/**
 * The notices that licences of bundled packages ask for.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type PackageJson = { readonly version: string; readonly license: string };

/** Name, version and licence of each package that lies in `root`'s node_modules, with the licence's text where it has one. */
export function thirdPartyNotices(root: string, names: readonly string[]): string {
  const notices = names.toSorted().map((name) => {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    ) as PackageJson;
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
    return `${name} ${version}: ${license}\n${text}`;
  });
  return `This package contains code of the following packages.\n\n${notices.join('\n---\n\n')}`;
}
