/**
 * The order of the layers, and which imports it allows. ARCHITECTURE.md says why.
 */

import type { SourceModule } from './imports.ts';

/** Folders of `src`, and files that lie in it directly: lowest layer first. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors.ts', 'logging.ts', 'util'],
  ['tensor', 'rng', 'image', 'text'],
  ['samplers'],
  ['weights', 'graph'],
  ['downloads'],
  ['networks'],
  ['runtime'],
  ['models'],
  ['annotators'],
  ['pipelines'],
  ['engine'],
  ['protocol'],
  ['jobs'],
  ['api'],
  ['elements'],
  ['index.ts'],
  ['doors'],
];

/** Imports between neighbours of one layer that are allowed: from, to. */
const NEIGHBOURS: readonly (readonly [string, string])[] = [
  ['graph', 'weights'],
  ['rng', 'tensor'],
];

/** One sentence for each import of `module` that the order of layers forbids. */
export function layerViolations(module: SourceModule): string[] {
  return module.files
    .map((file) => [file, objection(module.path, file)] as const)
    .filter(([, reason]) => reason !== undefined)
    .map(([file, reason]) => `${module.path} imports ${file}: ${reason}`);
}

function objection(from: string, to: string): string | undefined {
  const target = folderIn('src', to);
  // The embedded model's configs are data that the models layer reads.
  if (folderIn('src', from) === 'models' && folderIn('models', to) !== undefined) return undefined;
  if (from === 'src/models/manifest.ts' && to === 'models-manifest.json') return undefined;
  if (folderIn('workers', from) !== undefined && folderIn('workers', to) !== undefined)
    return undefined;
  if (target === undefined) return 'it lies outside of src';
  if (rank(target) === undefined) return `${target} is in no layer`;
  if (folderIn('workers', from) !== undefined) {
    return target === 'elements' ? 'a worker has no document' : undefined;
  }
  const origin = folderIn('src', from) ?? from;
  const [own, other] = [rank(origin), rank(target)];
  if (own === undefined) return `${origin} is in no layer`;
  if (other === undefined || other > own) return `${target} is a layer above ${origin}`;
  if (other < own || own === 0 || origin === target) return undefined;
  const isAllowed = NEIGHBOURS.some(([a, b]) => a === origin && b === target);
  return isAllowed ? undefined : `${target} and ${origin} are neighbours in one layer`;
}

/** The first step of `path` inside of `folder`; undefined when it lies elsewhere. */
function folderIn(folder: string, path: string): string | undefined {
  const [first, second] = path.split('/');
  return first === folder ? second : undefined;
}

function rank(folder: string): number | undefined {
  const index = LAYERS.findIndex((layer) => layer.includes(folder));
  return index < 0 ? undefined : index;
}
