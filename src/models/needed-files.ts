/**
 * Which files of a folder in diffusers' layout are needed, told from its list of files: so that they can be downloaded side
 * by side, and how much that is can be told before. Opening the folder then finds what this could not foresee.
 */

import { EXPORTED_FILE, FILES, TEXT_FILES } from './folder-parts.ts';
import type { ModelEntry } from './manifest.ts';

/** Folders of networks, and the names that their weights may have, the best first. */
const NETWORKS: readonly (readonly [string, readonly string[]])[] = [
  ['text_encoder/', TEXT_FILES],
  ['text_encoder_2/', TEXT_FILES],
  ['unet/', FILES],
  ['vae/', FILES],
];

/** The halves of an exported autoencoder; the first one is needed. */
const EXPORTED_VAE = ['vae_decoder/', 'vae_encoder/'] as const;

/** What exporters call the weights beside a graph: Optimum, torch and Transformers.js, diffusers and Olive. */
const EXPORTED_DATA = /^(?:model\.onnx[._]data(?:_\d+)?|weights\.pb)$/;

/** What lies beside a graph and is none of its weights: text, and graphs of another precision. */
const NO_WEIGHTS = /\.(?:json|md|txt|onnx)$/;

/** What is needed of a folder. */
export type NeededFiles = {
  readonly paths: readonly string[];
  /** Whether the weights of every network are among them, as far as names tell. */
  readonly isWhole: boolean;
  /** Of the networks whose graphs somebody else exported, the files with graph and weights, by folder. */
  readonly exported: ReadonlyMap<string, readonly string[]>;
};

/** Bytes of exported networks, by the folder of each. */
export type ExportedBytes = NonNullable<ModelEntry['exportedBytes']>;

type Network = {
  readonly paths: readonly string[];
  readonly isWhole: boolean;
  readonly exported: readonly (readonly [folder: string, files: readonly string[]])[];
};

/** The needed ones of `paths`. */
export function neededFiles(paths: readonly string[]): NeededFiles {
  const all = new Set(paths);
  const isModel = all.has('model_index.json');
  const networks = isModel
    ? NETWORKS.flatMap(([folder, names]) => network(all, folder, names) ?? [])
    : [ours(all, '', FILES)];
  const small = isModel ? smallFiles(all) : [];
  const found = new Set([...small, ...networks.flatMap((each) => each.paths)]);
  return {
    paths: [...found].filter((path) => all.has(path)),
    isWhole: networks.every(({ isWhole }) => isWhole),
    exported: new Map(networks.flatMap(({ exported }) => exported)),
  };
}

/** How large the exported networks of a folder are; undefined when it has none, or names do not tell what belongs to them. */
export function exportedBytes(
  { exported, isWhole }: NeededFiles,
  sizeOf: (path: string) => number,
): ExportedBytes | undefined {
  if (exported.size === 0 || !isWhole) return undefined;
  const bytes = [...exported].map(([folder, files]): [string, number] => [
    folder.slice(0, -1),
    files.reduce((sum, path) => sum + sizeOf(path), 0),
  ]);
  return Object.fromEntries(bytes);
}

/** A network of a model; undefined where the model has none in this folder. */
function network(
  all: ReadonlySet<string>,
  folder: string,
  names: readonly string[],
): Network | undefined {
  const isOurs = names.some((name) => all.has(folder + name) || all.has(`${folder}${name}.index.json`));
  const folders = folder === 'vae/' ? EXPORTED_VAE : [folder];
  if (!isOurs && all.has(folders[0] + EXPORTED_FILE)) return exportedNetwork(all, folder, folders);
  return all.has(`${folder}config.json`) ? ours(all, folder, names) : undefined;
}

function ours(all: ReadonlySet<string>, folder: string, names: readonly string[]): Network {
  const weights = names.map((name) => folder + name).find((path) => all.has(path));
  return {
    paths: [`${folder}config.json`, ...(weights === undefined ? [] : [weights])],
    isWhole: weights !== undefined,
    exported: [],
  };
}

function exportedNetwork(
  all: ReadonlySet<string>,
  folder: string,
  folders: readonly string[],
): Network {
  const present = folders.filter((each) => all.has(each + EXPORTED_FILE));
  const below = (each: string): string[] => [...all].filter((path) => path.startsWith(each));
  const exported = present.map((each): [string, string[]] => {
    const isNeeded = (path: string): boolean => {
      const name = path.slice(each.length);
      return name === EXPORTED_FILE || EXPORTED_DATA.test(name);
    };
    return [each, below(each).filter(isNeeded)];
  });
  const files = exported.flatMap(([, each]) => each);
  const rest = present.flatMap(below).filter((path) => !files.includes(path));
  return {
    paths: [...files, ...[folder, ...folders].map((each) => `${each}config.json`)],
    isWhole: rest.every((path) => NO_WEIGHTS.test(path)),
    exported,
  };
}

function smallFiles(all: ReadonlySet<string>): string[] {
  const tokenizers = ['tokenizer', 'tokenizer_2'].flatMap((folder) => {
    const whole = `${folder}/tokenizer.json`;
    const parts = all.has(whole) ? [whole] : [`${folder}/vocab.json`, `${folder}/merges.txt`];
    return [...parts, `${folder}/tokenizer_config.json`];
  });
  return ['model_index.json', 'scheduler/scheduler_config.json', ...tokenizers];
}
