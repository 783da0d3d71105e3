/**
 * The texts that are drawn: the request's own, in a style's words, and with the praise that `enhance_prompt` adds.
 *
 * The two pairs of texts to add are the API's own, letter by letter: clients look for them in `meta.prompt`.
 */

import type { GenerationRequest } from './schema/request-types.ts';
import { VERSIONS, type ApiVersion } from './schema/versions.ts';

/** Prompt and negative prompt as they are drawn, and what could not be done. */
export type FinalTexts = {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly warnings: readonly string[];
};

const ENHANCEMENTS = {
  early: {
    prompt:
      'DSLR photography, sharp focus, Unreal Engine 5, Octane Render, Redshift, ((cinematic lighting)), f/1.4, ISO 200, 1/160s, 8K, RAW, unedited, symmetrical balance, in-frame',
    negative:
      '((out of frame)), ((extra fingers)), mutated hands, ((poorly drawn hands)), ((poorly drawn face)), (((mutation))), (((deformed))), (((tiling))), ((naked)), ((tile)), ((fleshpile)), ((ugly)), (((abstract))), blurry, ((bad anatomy)), ((bad proportions)), ((extra limbs)), cloned face, glitchy, ((extra breasts)), ((double torso)), ((extra arms)), ((extra hands)), ((mangled fingers)), ((missing breasts)), (missing lips), ((ugly face)), ((fat)), ((extra legs))',
  },
  late: {
    prompt:
      'hyperrealistic, full body, detailed clothing, highly detailed, cinematic lighting, stunningly beautiful, intricate, sharp focus, f/1. 8, 85mm, (centered image composition), (professionally color graded), ((bright soft diffused light)), volumetric fog, trending on instagram, trending on tumblr, HDR 4K, 8K',
    negative:
      '(child:1.5), ((((underage)))), ((((child)))), (((kid))), (((preteen))), (teen:1.5) ugly, tiling, poorly drawn hands, poorly drawn feet, poorly drawn face, out of frame, extra limbs, disfigured, deformed, body out of frame, bad anatomy, watermark, signature, cut off, low contrast, underexposed, overexposed, bad art, beginner, amateur, distorted face, blurry, draft, grainy',
  },
} as const;

/** The texts to draw for `request`; `instancePrompt` is the model's own trigger, if it has one. */
export async function finalTexts(
  request: GenerationRequest,
  { version, instancePrompt = '' }: { version: ApiVersion; instancePrompt?: string | undefined },
): Promise<FinalTexts> {
  const { enhance_style: styleName, enhance_prompt: isEnhanced } = request;
  // A long table that few requests need.
  const style =
    styleName === null ? undefined : (await import('./schema/styles.ts')).styleNamed(styleName);
  const isMissing = styleName !== null && style === undefined;
  const words = ENHANCEMENTS[VERSIONS[version].enhancement];
  const prompt = joined(', ', request.prompt, style?.prompt);
  const negativePrompt = joined(', ', request.negative_prompt, style?.negative);
  return {
    prompt: isEnhanced ? joined(' ', instancePrompt, prompt, words.prompt) : prompt,
    negativePrompt: isEnhanced ? joined(' ', negativePrompt, words.negative) : negativePrompt,
    warnings: isMissing
      ? [`enhance_style: there is no style ${styleName} here; drawn without one.`]
      : [],
  };
}

function joined(between: string, ...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(between);
}
