/**
 * The coercion table for texts, names, lists and images, row by row.
 */

import { describe, expect, test } from 'vitest';
import { img2imgRequest } from '../../../src/api/schema/requests.ts';
import { SCHEDULER_NAMES } from '../../../src/api/schema/scheduler-names.ts';
import { complaints, readAs } from './support.ts';

describe('lists', () => {
  test.each([
    ['contrast-fix, yae-miko-genshin', ['contrast-fix', 'yae-miko-genshin']],
    ['one', ['one']],
    [',one, ,two,', ['one', 'two']],
    [
      ['one', ' two '],
      ['one', 'two'],
    ],
    [7, ['7']],
    [[], []],
    [['one', null, ''], ['one']],
    [',', []],
  ])('%j is %j', (sent, used) => expect(readAs('lora_model', sent)).toEqual(used));

  test.each([
    ['0.45,0.55', [0.45, 0.55]],
    [0.5, [0.5]],
    [
      [7, '-0.5'],
      [5, -0.5],
    ],
    ['-9', [-5]],
  ])('of numbers, %j is %j', (sent, used) => expect(readAs('lora_strength', sent)).toEqual(used));

  test('cannot be read from anything else', () => {
    expect(complaints({ prompt: 'x', lora_model: true, lora_strength: '1,b,c' })).toEqual({
      lora_model: ['The lora model field must be a list: text between commas, or an array.'],
      lora_strength: ['The lora strength field must be a number.'],
    });
    expect(Object.keys(complaints({ prompt: 'x', lora_model: [{}] }))).toEqual(['lora_model']);
  });
});

describe('names', () => {
  test.each(SCHEDULER_NAMES)('%s is a scheduler', (name) => {
    expect(readAs('scheduler', ` ${name} `)).toBe(name);
  });

  test('of unknown schedulers are refused with a list of the known ones', () => {
    for (const scheduler of ['DPM++ 2M Karras', 'Euler a', 7, true, 'toString']) {
      const { scheduler: [message] = [] } = complaints({ prompt: 'x', scheduler });
      expect(message).toContain('The scheduler field must be one of: DDPMScheduler, ');
      for (const name of SCHEDULER_NAMES) expect(message).toContain(name);
    }
  });

  test.each([
    ['none', 'dpmsolver++'],
    ['no', 'dpmsolver++'],
    ['dpmsolver++', 'dpmsolver++'],
    ['dpmsolver+++', 'sde-dpmsolver++'],
    ['sde-dpmsolver++', 'sde-dpmsolver++'],
  ])('algorithm_type %j is %j', (sent, used) => expect(readAs('algorithm_type', sent)).toBe(used));

  test.each([
    ['algorithm_type', 'dpmsolver', 'dpmsolver+++'],
    ['safety_checker_type', 'red', 'pixelate'],
    ['ip_adapter_id', 'other', 'ip-adapter_sd15'],
    ['output_format', 'webp', 'jpeg'],
  ])('of an unknown %s are refused', (field, sent, allowed) => {
    expect(complaints({ prompt: 'x', [field]: sent })[field]?.[0]).toContain(allowed);
  });

  test('may be numbers, and lose the spaces around them', () => {
    expect(readAs('model_id', ' midjourney ')).toBe('midjourney');
    expect(readAs('vae', 42)).toBe('42');
  });
});

describe('a webhook and a track_id', () => {
  test.each([
    ['https://example.com/hook', 'https://example.com/hook'],
    ['0', null],
    [0, null],
    ['null', null],
    [false, null],
    ['no', null],
  ])('webhook %j is %j', (sent, used) => expect(readAs('webhook', sent)).toBe(used));

  test.each(['not an address', 'ftp://example.com/hook', 'http://'])('no webhook is %j', (sent) => {
    expect(() => readAs('webhook', sent)).toThrow('must be an http or https address');
  });

  test.each(['abc', ' a b ', 7, '0'])('track_id %j stays as it is', (value) => {
    expect(readAs('track_id', value)).toBe(value);
  });
});

describe('a prompt', () => {
  test('stays as it is', () => {
    expect(readAs('prompt', ' ((cat)), [dog]\n')).toBe(' ((cat)), [dog]\n');
    expect(readAs('prompt', 42)).toBe('42');
  });

  test.each([undefined, null, '', ' \n'])('is required: %j is none', (prompt) => {
    expect(complaints({ prompt })).toEqual({ prompt: ['The prompt field is required.'] });
  });

  test('must be a string', () => {
    expect(complaints({ prompt: { text: 'x' } })).toEqual({
      prompt: ['The prompt field must be a string.'],
    });
  });
});

describe('an init image', () => {
  const read = (init_image: unknown): unknown =>
    img2imgRequest({ prompt: 'x', init_image }).request.init_image;

  test('may be an address, base64 or a Blob', () => {
    expect(read(' https://example.com/a.png ')).toBe('https://example.com/a.png');
    expect(read('iVBORw0KGgoAAAANSUhEUg')).toBe('iVBORw0KGgoAAAANSUhEUg');
    const blob = new Blob(['x']);
    expect(read(blob)).toBe(blob);
  });

  test('is required, with the name written out', () => {
    expect(complaints({ prompt: 'x' }, img2imgRequest)).toEqual({
      init_image: ['The init image field is required.'],
    });
  });

  test.each(['cat', './cat.png', 'data:image/png,x', 5, ['a'], {}])('cannot be %j', (value) => {
    const said = complaints({ prompt: 'x', init_image: value }, img2imgRequest);
    expect(Object.keys(said)).toEqual(['init_image']);
    expect(said['init_image']?.[0]).toMatch(/^The init image field (is|must be) /);
  });
});
