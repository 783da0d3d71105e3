/**
 * The format of lists of models as JSON Schema: up to date, and of one mind with what reads such lists, told by a validator
 * that we did not write.
 */

import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../src/models/manifest.ts';
import { manifestSchemaText, SCHEMA_FILE } from '../../../tools/manifest-schema.ts';

type Described = { readonly description?: string };
type ListSchema = {
  readonly properties: Record<string, Described> &
    Record<
      'models' | 'adjuncts',
      { readonly items: { readonly properties: Record<string, Described> } }
    >;
};

const schema = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')) as ListSchema;
const validate = new Ajv({ formats: { uri: (text) => URL.canParse(text) } }).compile(schema);

const model = {
  id: 'a',
  name: 'A',
  source: { kind: 'folder', url: 'models/a' },
  nativeSize: 512,
  licence: 'MIT',
};
const adjunct = {
  id: 'b',
  kind: 'vae',
  name: 'B',
  source: { kind: 'embedded', folder: 'b' },
  licence: 'MIT',
};
const list = { version: 1, default: 'a', models: [model] };
const sha256 = 'Ab'.repeat(32);

const withModel = (fields: object): object => ({ ...list, models: [{ ...model, ...fields }] });
const withAdjunct = (fields: object): object => ({ ...list, adjuncts: [{ ...adjunct, ...fields }] });

describe('models-manifest.schema.json', () => {
  it('is what the reader of lists says now (npx tsx tools/manifest-schema.ts writes it)', async () => {
    expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(await manifestSchemaText());
  });

  it('describes every field that a person writes', () => {
    const { models, adjuncts, ...top } = schema.properties;
    const all = { ...top, ...models.items.properties, ...adjuncts.items.properties };
    const silent = Object.entries<Described>(all).filter(
      ([, { description }]) => description === undefined,
    );
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  it('takes the list that ships', () => {
    validate(JSON.parse(readFileSync('models-manifest.json', 'utf8')));
    expect(validate.errors).toBeNull();
  });

  it.each([
    ['a list with no more than it must say', list],
    ['a list that names its schema', { $schema: './models-manifest.schema.json', ...list, '*': 'a' }],
    ['a repository', withModel({ source: { kind: 'hub', repository: 'o/n', revision: 'r' } })],
    [
      'files of a repository',
      withModel({
        family: 'sd1',
        source: { kind: 'hub', repository: 'o/n', files: [{ path: 'p', size: 1, sha256 }] },
      }),
    ],
    [
      'one file',
      withModel({ source: { kind: 'file', url: 'https://a.example/m', size: 4, sha256 } }),
    ],
    [
      'everything else',
      withModel({
        aliases: ['z'],
        description: '',
        family: 'sdxl',
        downloadBytes: 0,
        memoryBytes: 5,
        triggerWords: ['w'],
        isChecked: true,
        isNativeOnly: false,
        defaults: { steps: 4, guidanceScale: 0, scheduler: 'LCMScheduler', enhancePrompt: false },
        predictionType: 'sample',
        configs: { unet: { in_channels: 9 }, vae: {} },
        preview: { factors: [[1, 2, 3]], bias: [0, 0, 0] },
        licenceUrl: 'https://a.example/licence',
        examples: ['e'],
      }),
    ],
    ['a ControlNet', withAdjunct({ kind: 'controlnet', hint: 'canny', family: 'sd1' })],
    ['an upscaler', withAdjunct({ kind: 'upscaler' })],
    [
      'a model with an upscaler of its own',
      {
        ...list,
        models: [{ ...model, upscaler: 'b' }],
        adjuncts: [{ ...adjunct, kind: 'upscaler' }],
      },
    ],
  ])('takes %s, as the reader does', (_, json) => {
    validate(json);
    expect(validate.errors).toBeNull();
    expect(parseManifest(json)).toEqual(json);
  });

  it.each([
    ['no list', []],
    ['no models', { ...list, models: [] }],
    ['another version', { ...list, version: 2 }],
    ['a misspelt field', withModel({ natveSize: 1 })],
    ['an empty id', withModel({ id: '' })],
    ['a size that is no number', withModel({ nativeSize: '512' })],
    ['a size that is not whole', withModel({ nativeSize: 512.5 })],
    ['an unknown family', withModel({ family: 'sd9' })],
    ['a repository without an owner', withModel({ source: { kind: 'hub', repository: 'n' } })],
    ['a source of no kind', withModel({ source: { kind: 'ftp', url: 'ftp://a.example' } })],
    [
      'a digest that is too short',
      withModel({ source: { kind: 'file', url: 'u', sha256: 'ab' } }),
    ],
    ['fields of another source', withModel({ source: { kind: 'folder', url: 'u', size: 4 } })],
    ['a model without a licence', withModel({ licence: undefined })],
    ['a licence at no address', withModel({ licenceUrl: 'none' })],
    ['an adjunct of no kind', withAdjunct({ kind: 'sampler' })],
  ])('refuses %s, as the reader does', (_, json) => {
    const plain: unknown = JSON.parse(JSON.stringify(json));
    expect(validate(plain)).toBe(false);
    expect(() => parseManifest(plain)).toThrow(/manifest/);
  });
});
