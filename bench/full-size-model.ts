/**
 * `npm run bench -- full-size-model --model sd15|sdxl --form folder|file --to PATH`: writes a whole model of real size with
 * weights by formula, in f16: 2.1 GB for Stable Diffusion 1.5, 6.9 GB for SDXL. Loaders, downloads and memory can be tried
 * with it as with a published one; what it draws is noise, and the same noise everywhere.
 */

import { parseArgs } from 'node:util';

import { writeModelFolder, writeSingleFile } from '../tools/goldens/full-size-model.ts';
import { openGoldens } from './support/components.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'sd15' },
    form: { type: 'string', default: 'file' },
    to: { type: 'string' },
  },
});
const { model, form, to } = values;
if (
  (model !== 'sd15' && model !== 'sdxl') ||
  (form !== 'folder' && form !== 'file') ||
  to === undefined
)
  throw new Error('--model is sd15 or sdxl, --form is folder or file, and --to is a path');
const began = performance.now();
const file = await openGoldens();
if (form === 'folder') await writeModelFolder(file, model, to);
else await writeSingleFile(file, model, to);
console.log(`${to}: written in ${((performance.now() - began) / 1000).toFixed(0)} s`);
