/**
 * `npm run build`: writes what the package consists of, all of it in `dist/browser`.
 *
 * Scripts without imports: the page's module, the engine's worker, `install.js` and `service-worker.js`. Beside them lie the
 * files that the worker needs: onnxruntime-web's builds and the models. docs/decisions/package.md says why it has this shape.
 */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

import { generateDtsBundle } from 'dts-bundle-generator';
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';

import { thirdPartyNotices } from './third-party-notices.ts';

const ROOT = resolve(import.meta.dirname, '..');
const OUT = join(ROOT, 'dist/browser');

/** A library that only those fetch who need it. */
const TRANSFORMERS = join(ROOT, 'node_modules/@xenova/transformers/dist/transformers.web.js');

const SOURCE = /[/\\]src[/\\].*\.ts$/;

/** `new URL('../../somewhere/else', import.meta.url)`, as the formatter leaves it. */
const FILE_URL = /new URL\(\s*'(\.\.\/[^']+)',\s*import\.meta\.url,?\s*\)/g;

const common = {
  absWorkingDir: ROOT,
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  sourcemap: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions;

// Old output is removed first: a file deleted from `src` must not ship.
rmSync(OUT, { recursive: true, force: true });
const files = new Map<string, string>();
const worker = await build({
  ...common,
  entryPoints: { 'engine.worker': 'workers/packaged.worker.ts' },
  outdir: OUT,
  // Named where the engine runs in Node.
  external: ['node:*'],
  plugins: [packagedModules(), filesToldByThePage(files)],
});
const page = await build({
  ...common,
  entryPoints: { 'local-diffusion': 'src/index.ts' },
  outdir: OUT,
  plugins: [packagedModules(), fileTable(['engine.worker.js', ...files.values()])],
});
// Scripts that a page or a worker loads by itself, not as modules.
// Of the runtime that it brings along nothing is used: it is lent the engine's.
const transformers = await build({
  ...common,
  entryPoints: { transformers: TRANSFORMERS },
  outdir: OUT,
  sourcemap: false,
  plugins: [withoutRuntime()],
});
const doors = await build({
  ...common,
  format: 'iife',
  entryPoints: { install: 'src/doors/install.ts', 'service-worker': 'src/doors/service-worker.ts' },
  outdir: OUT,
});
for (const [source, name] of files) {
  if (source === TRANSFORMERS) continue;
  mkdirSync(dirname(join(OUT, name)), { recursive: true });
  writeFileSync(join(OUT, name), contentOf(source));
}
const packages = packagesIn(worker, page, transformers, doors);
writeFileSync(join(OUT, 'LICENSES.txt'), thirdPartyNotices(ROOT, packages));
writeFileSync(join(OUT, 'local-diffusion.d.ts'), typesWith(packages));

/** Puts `packaged-NAME.ts`, where there is one, in the place of `NAME.ts`. */
function packagedModules(): Plugin {
  return {
    name: 'packaged-modules',
    setup: (bundler) => {
      bundler.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, resolveDir }) => {
        const packaged = resolve(resolveDir, path.replace(/([^/]+)$/, 'packaged-$1'));
        return existsSync(packaged) ? { path: packaged } : undefined;
      });
    },
  };
}

/** In the worker: URLs of files outside of the code become what the page has told; `found` gets their names by path. */
function filesToldByThePage(found: Map<string, string>): Plugin {
  return {
    name: 'files-told-by-the-page',
    setup: (bundler) => {
      bundler.onLoad({ filter: SOURCE }, ({ path }) => {
        const code = readFileSync(path, 'utf8').replace(FILE_URL, (_, to: string) => {
          const source = resolve(dirname(path), to);
          found.set(source, nameOf(source));
          return `new URL(globalThis.localDiffusionFiles[${JSON.stringify(nameOf(source))}])`;
        });
        return { contents: withoutOwnUrl(path, code), loader: 'ts' };
      });
    },
  };
}

/** Leaves out the runtime of Transformers.js. */
function withoutRuntime(): Plugin {
  return {
    name: 'without-runtime',
    setup: (bundler) => {
      const filter = /^onnxruntime-web\/webgpu$/;
      bundler.onResolve({ filter }, ({ path }) => ({ path, namespace: 'without-runtime' }));
      bundler.onLoad({ filter, namespace: 'without-runtime' }, () => ({ contents: 'export {};' }));
    },
  };
}

/** In the page's module: the literal URL of each file, which bundlers understand. */
function fileTable(names: readonly string[]): Plugin {
  const entries = names.map((name) => {
    const text = JSON.stringify(name);
    return `${text}: new URL(${JSON.stringify(`./${name}`)}, import.meta.url).href`;
  });
  return {
    name: 'file-table',
    setup: (bundler) => {
      bundler.onLoad({ filter: SOURCE }, ({ path }) => {
        const code = readFileSync(path, 'utf8');
        const contents = path.endsWith('packaged-open-worker.ts')
          ? `const PACKAGE_FILES = () => ({ ${entries.join(', ')} });\n${code}`
          : withoutOwnUrl(path, code);
        return { contents, loader: 'ts' };
      });
    },
  };
}

/** `code`, if it does not ask where its module lies: bundled, it would get another answer than in the source tree. */
function withoutOwnUrl(path: string, code: string): string {
  if (code.includes('import.meta.url')) throw new Error(`${path} asks where it lies`);
  return code;
}

/** Where a file lies in the package: with an ending that every server knows, since some refuse others. */
function nameOf(source: string): string {
  const path = relative(ROOT, source).replaceAll('\\', '/');
  return path
    .replace(/^node_modules\/onnxruntime-web\/dist\//, 'onnxruntime-web/')
    .replace(
      /^node_modules\/@xenova\/transformers\/dist\/transformers\.web\.js$/,
      'transformers.js',
    )
    .replace(/\.bundle\.min\.mjs$/, '.js')
    .replace(/\.wasm$/, '.wasm.gz.bin')
    .replace(/\.safetensors$/, '.safetensors.bin');
}

function contentOf(source: string): Uint8Array {
  const bytes = readFileSync(source);
  if (source.endsWith('.wasm')) return gzipSync(bytes);
  // The maps of onnxruntime-web's scripts do not ship.
  if (source.endsWith('.mjs'))
    return Buffer.from(bytes.toString().replace(/^\/\/# source.*$/m, ''));
  return bytes;
}

/** Names of the packages whose code is in the bundles. */
function packagesIn(...results: readonly { metafile: Metafile }[]): string[] {
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const names = inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return [...new Set([...names, 'onnxruntime-web'])].filter((name) => name !== undefined);
}

/** Types in one file, with those of bundled packages in it: who installs the package does not have them. */
function typesWith(bundled: string[]): string {
  const entry = {
    filePath: join(ROOT, 'src/index.ts'),
    libraries: { inlinedLibraries: [...bundled, 'onnxruntime-common'] },
    output: { noBanner: true, exportReferencedTypes: false },
  };
  const options = { preferredConfigPath: join(ROOT, 'tsconfig.build.json') };
  return generateDtsBundle([entry], options).join('');
}
