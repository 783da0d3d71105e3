/**
 * The alphas that diffusers writes into a LoRA file's notes instead of its tensors: PEFT's adapter configuration.
 */

import { EngineError } from '../../errors.ts';

/** Name of the note. */
const NOTE = 'lora_adapter_metadata';

/**
 * How a file's modules are scaled by its notes: the alpha of a module of some rank, undefined where they say nothing.
 *
 * @throws EngineError `model-malformed` when the note is no JSON object.
 */
export function adapterAlphas(
  file: string,
  metadata: Readonly<Record<string, string>>,
): (module: string, rank: number) => number | undefined {
  const note = metadata[NOTE];
  if (note === undefined) return () => undefined;
  const config = parse(file, note);
  return (module, rank) => {
    const component = /^(?:unet|text_encoder(?:_2)?)(?=\.)/.exec(module)?.[0];
    // PEFT's own files have one configuration for all of them.
    const field = (name: string): unknown =>
      component === undefined ? config[name] : config[`${component}.${name}`];
    const alpha = patternAlpha(field('alpha_pattern'), module) ?? field('lora_alpha');
    if (typeof alpha !== 'number') return undefined;
    return field('use_rslora') === true ? alpha * Math.sqrt(rank) : alpha;
  };
}

function parse(file: string, note: string): Readonly<Record<string, unknown>> {
  try {
    const config: unknown = JSON.parse(note);
    if (typeof config === 'object' && config !== null) return config as Record<string, unknown>;
  } catch (cause) {
    throw new EngineError('model-malformed', `${NOTE} in ${file} is no JSON`, { cause });
  }
  throw new EngineError('model-malformed', `${NOTE} in ${file} is no JSON object`);
}

/** The alpha of the first pattern that is the end of a module's path. */
function patternAlpha(patterns: unknown, module: string): unknown {
  if (typeof patterns !== 'object' || patterns === null) return undefined;
  const fits = ([path]: [string, unknown]): boolean =>
    module === path || module.endsWith(`.${path}`);
  return Object.entries(patterns).find(fits)?.[1];
}
