/**
 * `<lora:name:0.8>` in a prompt: which networks it asks for, and the prompt without them.
 *
 * Shape: `<word:arguments>`. Arguments of a LoRA, as A1111's web UI has them: its name, the strength in the text encoder
 * (default 1), the strength in the UNet (default the text encoder's), by position or as `te=` and `unet=`. Its fourth one,
 * a rank to reduce the LoRA to, is noted and not followed.
 */

import { EngineError } from '../../errors.ts';
import { LocatedText, type PromptNote, type PromptRange } from './located-text.ts';

/** A LoRA that a prompt asks for. */
export type LoraMention = PromptRange & {
  /** As written: a file's name without its ending, or an id. */
  readonly name: string;
  /** Strength in the text encoder; any number, 1 is the LoRA as trained. */
  readonly textEncoderWeight: number;
  /** Strength in the UNet. */
  readonly unetWeight: number;
};

/** A prompt without its mentions. */
export type MentionsRead = {
  readonly text: LocatedText;
  readonly loras: readonly LoraMention[];
  readonly notes: readonly PromptNote[];
};

const MENTION = /<([\p{L}\p{N}_]+):([^>]+)>/gu;
const LORA_KINDS: readonly string[] = ['lora', 'lyco'];
const NUMBER = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)\s*$/;

/**
 * Takes the mentions out of a prompt. Mentions of other kinds of networks are taken out too, and noted.
 *
 * @throws EngineError `invalid-argument` for a mention that has no name or a strength that is no number; the message has
 *   its position.
 */
export function takeMentions(prompt: LocatedText): MentionsRead {
  const loras: LoraMention[] = [];
  const notes: PromptNote[] = [];
  const kept: LocatedText[] = [];
  let from = 0;
  for (const match of prompt.text.matchAll(MENTION)) {
    const [whole, kind = '', args = ''] = match;
    const range = prompt.locate(match.index, match.index + whole.length);
    if (LORA_KINDS.includes(kind)) {
      const { rank, ...lora } = loraArguments(whole, args, range);
      loras.push({ ...lora, ...range });
      if (rank !== undefined)
        notes.push({ message: `The rank in ${whole} was left out.`, ...range });
    } else {
      notes.push({ message: `${whole} was left out: only <lora:…> is known here.`, ...range });
    }
    kept.push(prompt.slice(from, match.index));
    from = match.index + whole.length;
  }
  kept.push(prompt.slice(from));
  return { text: LocatedText.join(kept), loras, notes };
}

function loraArguments(
  whole: string,
  args: string,
  range: PromptRange,
): Omit<LoraMention, keyof PromptRange> & { rank: string | undefined } {
  const fail = (reason: string): EngineError =>
    new EngineError(
      'invalid-argument',
      `${whole} at position ${range.start} of the prompt ${reason}; write <lora:name> or <lora:name:0.8>`,
      { detail: { ...range } },
    );
  const [name = '', ...rest] = args.split(':').map((arg) => arg.trim());
  if (name === '') throw fail('has no name');
  const positional = rest.filter((arg) => !arg.includes('='));
  const named = new Map(
    rest.filter((arg) => arg.includes('=')).map((arg) => arg.split('=', 2) as [string, string]),
  );
  const strength = (text: string): number => {
    if (!NUMBER.test(text)) throw fail(`has the strength "${text}", which is no number`);
    return Number(text);
  };
  const textEncoderWeight = strength(named.get('te') ?? positional[0] ?? '1');
  const unet = named.get('unet') ?? positional[1];
  return {
    name,
    textEncoderWeight,
    unetWeight: unet === undefined ? textEncoderWeight : strength(unet),
    rank: named.get('dyn') ?? positional[2],
  };
}
