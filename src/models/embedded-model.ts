/**
 * The embedded models: emoji-64 and what goes with it, a LoRA, a ControlNet and an upscaler. They are part of the package.
 *
 * Their configs are part of the code. The other files are named by literal URLs relative to this module, which bundlers
 * understand: they copy the files beside what they write and put in the new addresses.
 */

import modelIndex from '../../models/emoji-64/model_index.json' with { type: 'json' };
import scheduler from '../../models/emoji-64/scheduler/scheduler_config.json' with { type: 'json' };
import textEncoder from '../../models/emoji-64/text_encoder/config.json' with { type: 'json' };
import tokenizer from '../../models/emoji-64/tokenizer/tokenizer_config.json' with { type: 'json' };
import unet from '../../models/emoji-64/unet/config.json' with { type: 'json' };
import vae from '../../models/emoji-64/vae/config.json' with { type: 'json' };
import controlNet from '../../models/emoji-canny/config.json' with { type: 'json' };
import { bufferSource } from '../weights/byte-source.ts';
import type { ModelFolder } from './folder-parts.ts';
import { openUrl } from './fetched-folder.ts';

const CONFIGS: ReadonlyMap<string, object> = new Map<string, object>([
  ['emoji-64/model_index.json', modelIndex],
  ['emoji-64/scheduler/scheduler_config.json', scheduler],
  ['emoji-64/text_encoder/config.json', textEncoder],
  ['emoji-64/tokenizer/tokenizer_config.json', tokenizer],
  ['emoji-64/unet/config.json', unet],
  ['emoji-64/vae/config.json', vae],
  ['emoji-canny/config.json', controlNet],
]);

const FILES: ReadonlyMap<string, URL> = new Map([
  [
    'emoji-64/tokenizer/vocab.json',
    new URL('../../models/emoji-64/tokenizer/vocab.json', import.meta.url),
  ],
  [
    'emoji-64/tokenizer/merges.txt',
    new URL('../../models/emoji-64/tokenizer/merges.txt', import.meta.url),
  ],
  [
    'emoji-64/text_encoder/model.safetensors',
    new URL('../../models/emoji-64/text_encoder/model.safetensors', import.meta.url),
  ],
  [
    'emoji-64/unet/diffusion_pytorch_model.safetensors',
    new URL('../../models/emoji-64/unet/diffusion_pytorch_model.safetensors', import.meta.url),
  ],
  [
    'emoji-64/vae/diffusion_pytorch_model.safetensors',
    new URL('../../models/emoji-64/vae/diffusion_pytorch_model.safetensors', import.meta.url),
  ],
  [
    'realesr-animevideov3/model.safetensors',
    new URL('../../models/realesr-animevideov3/model.safetensors', import.meta.url),
  ],
  ['ink-sketch/model.safetensors', new URL('../../models/ink-sketch/model.safetensors', import.meta.url)],
  [
    'emoji-canny/diffusion_pytorch_model.safetensors',
    new URL('../../models/emoji-canny/diffusion_pytorch_model.safetensors', import.meta.url),
  ],
]);

/** The files of an embedded model, fetched when they are opened; in Node read from disk. Default: the model that draws. */
export function embeddedFolder(name = 'emoji-64'): ModelFolder {
  return {
    name,
    open: async (file, signal) => {
      const path = `${name}/${file}`;
      const config = CONFIGS.get(path);
      if (config !== undefined) {
        return bufferSource(new TextEncoder().encode(JSON.stringify(config)), path);
      }
      const url = FILES.get(path);
      return url && openUrl(url, path, signal);
    },
  };
}
