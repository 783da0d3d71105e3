/**
 * A site whose pages call the cloud, with the built package on it and `install.js` on some of its pages.
 */

import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { serveFolder, type Site } from './site.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PACKAGE = join(ROOT, 'dist/browser');

/** Pages by name: what stands in their script tag, undefined for those without it. */
const PAGES: Readonly<Record<string, string | undefined>> = {
  plain: undefined,
  installed: 'src="/package/install.js" data-any-model="emoji-64"',
  served:
    'src="/package/install.js" data-any-model="emoji-64" data-service-worker="/service-worker.js"',
  stubbed:
    'src="/package/install.js" data-module="/stub.js" data-hosts="cloud.example" data-service-worker="/service-worker.js"',
  inline: 'src="/package/install.js" data-any-model="emoji-64" data-base64="inline"',
  'without-worker': 'src="/without-worker/install.js" data-any-model="emoji-64"',
  'without-module': 'src="/package/install.js" data-module="/nowhere.js"',
};

/** Serves it. */
export async function serveCloudSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'cloud-site-'));
  await symlink(PACKAGE, join(folder, 'package'));
  await cp(join(PACKAGE, 'service-worker.js'), join(folder, 'service-worker.js'));
  await cp(join(ROOT, 'test/e2e/cloud-app'), folder, { recursive: true });
  await mkdir(join(folder, 'without-worker'));
  for (const name of ['install.js', 'local-diffusion.js']) {
    await cp(join(PACKAGE, name), join(folder, 'without-worker', name));
  }
  for (const [name, tag] of Object.entries(PAGES)) {
    const first = tag === undefined ? '' : `<script ${tag}></script>\n    `;
    await writeFile(
      join(folder, `${name}.html`),
      `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>${name}</title>
    ${first}<link rel="icon" href="data:," />
    <script src="/app.js"></script>
  </head>
</html>
`,
    );
  }
  const site = await serveFolder(folder);
  return {
    url: site.url,
    close: async () => {
      await site.close();
      await rm(folder, { recursive: true });
    },
  };
}
