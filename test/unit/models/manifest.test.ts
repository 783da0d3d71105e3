/**
 * The list of models: the one that ships, and what is wrong with others.
 */

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseManifest, shippedManifest } from '../../../src/models/manifest.ts';
import { isSamplerName } from '../../../src/samplers/registry.ts';

const entry = {
  id: 'a',
  name: 'A',
  source: { kind: 'folder', url: 'https://example.com/a' },
  nativeSize: 512,
  licence: 'MIT',
};

describe('the manifest that ships', () => {
  it('has the embedded model as its default, whose files are there', () => {
    const { default: id, models } = shippedManifest();
    const found = models.find((model) => model.id === id);
    expect(found?.source.kind).toBe('embedded');
    expect(existsSync(`models/${id}/unet/diffusion_pytorch_model.safetensors`)).toBe(true);
  });

  it('names schedulers that there are', () => {
    const named = shippedManifest().models.flatMap(({ defaults }) => defaults?.scheduler ?? []);
    expect(named.filter((name) => !isSamplerName(name))).toEqual([]);
  });
});

describe('reading a manifest', () => {
  it('takes a list of folders', () => {
    expect(parseManifest({ version: 1, default: 'a', models: [entry] }).models[0]).toEqual(entry);
  });

  it.each([
    ['no object', 7, /object/i],
    ['no models', { version: 1, default: 'a', models: [] }, /models/],
    ['another version', { version: 2, default: 'a', models: [entry] }, /version/],
    ['a default that is missing', { version: 1, default: 'b', models: [entry] }, /default/],
    ['an id twice', { version: 1, default: 'a', models: [entry, entry] }, /once/],
    [
      'a source of no kind',
      { version: 1, default: 'a', models: [{ ...entry, source: { kind: 'ftp' } }] },
      /models\.0\.source\.kind/,
    ],
    [
      'a misspelt field',
      { version: 1, default: 'a', models: [{ ...entry, natveSize: 1 }] },
      /natveSize/,
    ],
    [
      'a size that is no number',
      { version: 1, default: 'a', models: [{ ...entry, nativeSize: '512' }] },
      /models\.0\.nativeSize/,
    ],
  ])('refuses %s', (_, json, problem) => {
    expect(() => parseManifest(json)).toThrow(problem);
  });
});
