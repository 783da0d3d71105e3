/**
 * The text in which image tools keep how a picture was made, under the keyword `parameters` of a PNG:
 * the prompt, a line with the negative one, and a line of settings, as A1111's web UI writes it.
 */

/** The keyword of the PNG text chunk that holds {@link parametersText}. */
export const PARAMETERS_KEYWORD = 'parameters';

/** How a picture was made. */
export type Parameters = {
  /** The positive prompt as it was drawn. */
  prompt: string;
  /** Left out when it is empty. */
  negativePrompt: string;
  /** Settings in the order to print; one that is undefined is left out. */
  settings: Readonly<Record<string, string | number | undefined>>;
};

/**
 * The text for {@link PARAMETERS_KEYWORD}.
 *
 * Other tools know the settings `Steps`, `Sampler`, `Schedule type`, `CFG scale`, `Seed`, `Size` (as
 * `512x512`), `Model`, `Denoising strength` and `Clip skip`.
 */
export function parametersText({ prompt, negativePrompt, settings }: Parameters): string {
  const printed = Object.entries(settings)
    .filter((entry): entry is [string, string | number] => entry[1] !== undefined)
    .map(([name, value]) => `${name}: ${quoted(String(value))}`)
    .join(', ');
  const negative = negativePrompt === '' ? [] : [`Negative prompt: ${negativePrompt}`];
  return [prompt, ...negative, printed].join('\n');
}

/** Values that hold separators are written as JSON strings, so that a reader can split the line. */
function quoted(value: string): string {
  return /[,:\n"]/.test(value) ? JSON.stringify(value) : value;
}
