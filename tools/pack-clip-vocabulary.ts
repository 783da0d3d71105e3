/**
 * `npx tsx tools/pack-clip-vocabulary.ts MERGES`: writes models/clip-tokenizer/merges.bin from the merges of CLIP's
 * tokenizer (the 48,894 pairs of OpenAI's bpe_simple_vocab_16e6.txt that CLIP uses, or its merges.txt).
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { deflateSync } from 'node:zlib';

import { packMerges } from '../src/text/clip-vocabulary.ts';

const [source] = process.argv.slice(2);
if (source === undefined) throw new Error('usage: npx tsx tools/pack-clip-vocabulary.ts MERGES');
const lines = (await readFile(source, 'utf8')).split('\n').slice(1);
const merges = lines
  .filter((line) => line !== '')
  .map((line) => line.split(' ') as [string, string]);
const target = join(import.meta.dirname, '../models/clip-tokenizer/merges.bin');
await writeFile(target, deflateSync(packMerges(merges), { level: 9 }));
