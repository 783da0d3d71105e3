/**
 * The notices that licences of what is bundled ask for: packages and models.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type PackageJson = { readonly version: string; readonly license: string };

/**
 * Name, version and licence of each package that lies in `root`'s node_modules, with the licence's text where it has one, and
 * what the models say of themselves, in whose words their licences are.
 */
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
  const models = join(root, 'models');
  const readmes = readdirSync(models)
    .toSorted()
    .map((name) => readFileSync(join(models, name, 'README.md'), 'utf8'));
  const [code, data] = [notices, readmes].map((each) => each.join('\n---\n\n'));
  return `This package contains code of the following packages.\n\n${code}\n---\n\nIt contains the following models.\n\n${data}`;
}
