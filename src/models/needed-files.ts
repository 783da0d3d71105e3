/**
 * Which files of a folder in diffusers' layout are needed, told from its list of files: so that they can be downloaded side
 * by side, and how much that is can be told before. Opening the folder then finds what this could not foresee.
 */

import { FILES, TEXT_FILES } from './folder-parts.ts';

/** Folders of networks, and the names that their weights may have, the best first. */
const NETWORKS: readonly (readonly [string, readonly string[]])[] = [
  ['text_encoder/', TEXT_FILES],
  ['text_encoder_2/', TEXT_FILES],
  ['unet/', FILES],
  ['vae/', FILES],
];

/** The needed ones of `paths`; `isWhole` tells that the weights of every network are among them. */
export function neededFiles(paths: readonly string[]): {
  readonly paths: readonly string[];
  readonly isWhole: boolean;
} {
  const all = new Set(paths);
  const isModel = all.has('model_index.json');
  const networks = isModel
    ? NETWORKS.filter(([folder]) => all.has(`${folder}config.json`))
    : ([['', FILES]] as const);
  const weights = networks.map(([folder, names]) =>
    names.map((name) => folder + name).find((path) => all.has(path)),
  );
  const small = isModel ? smallFiles(all) : ['config.json'];
  const configs = networks.map(([folder]) => `${folder}config.json`);
  const found = [...new Set([...small, ...configs, ...weights])].filter(
    (path) => path !== undefined && all.has(path),
  );
  return { paths: found as string[], isWhole: !weights.includes(undefined) };
}

function smallFiles(all: ReadonlySet<string>): string[] {
  const tokenizers = ['tokenizer', 'tokenizer_2'].flatMap((folder) => {
    const whole = `${folder}/tokenizer.json`;
    const parts = all.has(whole) ? [whole] : [`${folder}/vocab.json`, `${folder}/merges.txt`];
    return [...parts, `${folder}/tokenizer_config.json`];
  });
  return ['model_index.json', 'scheduler/scheduler_config.json', ...tokenizers];
}
