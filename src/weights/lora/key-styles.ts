/**
 * How LoRA files of different origin name their tensors: which module a key belongs to, and which part of its change.
 *
 * Kohya's scripts and LyCORIS write `lora_unet_down_blocks_0_….lora_down.weight`, diffusers and PEFT
 * `unet.down_blocks.0.….lora_A.weight`, diffusers before 0.22 `….attn1.processor.to_q_lora.down.weight` and
 * `….q_proj.lora_linear_layer.down.weight`.
 */

/** A part of a module's change, under LyCORIS' names where they have several. */
export type LoraPartName =
  | 'down'
  | 'up'
  | 'mid'
  | 'alpha'
  | 'scale'
  | 'dora_scale'
  | 'magnitude'
  | 'diff'
  | 'diff_b'
  | 'w_norm'
  | 'b_norm'
  | 'weight'
  | 'on_input'
  | `hada_${'w1_a' | 'w1_b' | 'w2_a' | 'w2_b' | 't1' | 't2'}`
  | `lokr_${'w1' | 'w1_a' | 'w1_b' | 'w2' | 'w2_a' | 'w2_b' | 't2'}`;

/** What a key says. */
export type LoraKey = { readonly module: string; readonly part: LoraPartName };

const DIRECTIONS: Readonly<Record<string, LoraPartName>> = {
  down: 'down',
  up: 'up',
  mid: 'mid',
  A: 'down',
  B: 'up',
};

/** Attention's inner modules in the oldest files, as the UNet and the text encoder call them. */
const UNET_INNER: Readonly<Record<string, string>> = { to_out: 'to_out.0' };
const TEXT_INNER: Readonly<Record<string, string>> = {
  to_q: 'q_proj',
  to_k: 'k_proj',
  to_v: 'v_proj',
  to_out: 'out_proj',
};

/** Endings that are the part's own name. */
const NAMED =
  /^(.+)\.(scale|dora_scale|diff|diff_b|w_norm|b_norm|on_input|hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2)|weight)$/;

/** Reads a key; undefined for one of no known style. */
export function parseLoraKey(key: string): LoraKey | undefined {
  const bare = key.replace(/^base_model\.model\./, '');
  const directed =
    /^(.+)\.(?:lora_(down|up|mid|A|B)(?:\.\w+)?|lora(?:_linear_layer)?\.(down|up))\.weight$/.exec(
      bare,
    );
  if (directed !== null) {
    const [, module = '', first, second] = directed;
    return known(module, DIRECTIONS[first ?? second ?? '']);
  }
  const old = /^(.+)\.(to_q|to_k|to_v|to_out)_lora\.(down|up)\.weight$/.exec(bare);
  if (old !== null) {
    const [, attention = '', inner = '', direction = ''] = old;
    const names = attention.endsWith('self_attn') ? TEXT_INNER : UNET_INNER;
    return known(`${attention}.${names[inner] ?? inner}`, DIRECTIONS[direction]);
  }
  const alpha = /^(.+?)(?:\.lora(?:_linear_layer)?\.down\.weight)?\.alpha$/.exec(bare);
  if (alpha !== null) return known(alpha[1] ?? '', 'alpha');
  const magnitude = /^(.+)\.lora_magnitude_vector(?:\.\w+)*$/.exec(bare);
  if (magnitude !== null) return known(magnitude[1] ?? '', 'magnitude');
  const named = NAMED.exec(bare);
  return named === null ? undefined : known(named[1] ?? '', named[2] as LoraPartName);
}

function known(module: string, part: LoraPartName | undefined): LoraKey | undefined {
  return part && { module: module.replace(/\.processor\b/, ''), part };
}
