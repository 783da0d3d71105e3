/**
 * The embedded model, models/emoji-64: the one that is part of the package.
 *
 * Its configs are part of the code. The other files are named by literal URLs relative to this module, which bundlers
 * understand: they copy the files beside what they write and put in the new addresses.
 */

import modelIndex from '../../models/emoji-64/model_index.json' with { type: 'json' };
import scheduler from '../../models/emoji-64/scheduler/scheduler_config.json' with { type: 'json' };
import textEncoder from '../../models/emoji-64/text_encoder/config.json' with { type: 'json' };
import tokenizer from '../../models/emoji-64/tokenizer/tokenizer_config.json' with { type: 'json' };
import unet from '../../models/emoji-64/unet/config.json' with { type: 'json' };
import vae from '../../models/emoji-64/vae/config.json' with { type: 'json' };
import { bufferSource } from '../weights/byte-source.ts';
import type { ModelFolder } from './folder-parts.ts';
import { openUrl } from './fetched-folder.ts';

const CONFIGS: ReadonlyMap<string, object> = new Map<string, object>([
  ['model_index.json', modelIndex],
  ['scheduler/scheduler_config.json', scheduler],
  ['text_encoder/config.json', textEncoder],
  ['tokenizer/tokenizer_config.json', tokenizer],
  ['unet/config.json', unet],
  ['vae/config.json', vae],
]);

const FILES: ReadonlyMap<string, URL> = new Map([
  [
    'tokenizer/vocab.json',
    new URL('../../models/emoji-64/tokenizer/vocab.json', import.meta.url),
  ],
  [
    'tokenizer/merges.txt',
    new URL('../../models/emoji-64/tokenizer/merges.txt', import.meta.url),
  ],
  [
    'text_encoder/model.safetensors',
    new URL('../../models/emoji-64/text_encoder/model.safetensors', import.meta.url),
  ],
  [
    'unet/diffusion_pytorch_model.safetensors',
    new URL('../../models/emoji-64/unet/diffusion_pytorch_model.safetensors', import.meta.url),
  ],
  [
    'vae/diffusion_pytorch_model.safetensors',
    new URL('../../models/emoji-64/vae/diffusion_pytorch_model.safetensors', import.meta.url),
  ],
]);

/** The embedded model's files, fetched when they are opened; in Node read from disk. */
export function embeddedFolder(): ModelFolder {
  return {
    name: 'emoji-64',
    open: async (path, signal) => {
      const config = CONFIGS.get(path);
      if (config !== undefined) {
        return bufferSource(new TextEncoder().encode(JSON.stringify(config)), path);
      }
      const url = FILES.get(path);
      return url && openUrl(url, path, signal);
    },
  };
}
