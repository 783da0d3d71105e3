/**
 * Which addresses stay on this machine, and which are none of our business.
 */

import { afterEach, describe, expect, test } from 'vitest';

import { apiAddresses, hostsIn, outputName } from '../../../src/doors/api-address.ts';

const ORIGIN = 'https://app.example';
const isOurs = apiAddresses(hostsIn('cloud.example, Other.Example:8443'), ORIGIN);

afterEach(() => Reflect.deleteProperty(globalThis, 'localDiffusionHosts'));

describe('an address', () => {
  test.each([
    'https://modelslab.com/api/v6/images/text2img',
    'https://www.modelslab.com/anything/at/all?a=b#c',
    'http://stablediffusionapi.com/',
    'https://WWW.StableDiffusionAPI.com:8080/api/v3/text2img',
    'https://modelslab.com./api/v3/text2img',
    'https://user:secret@api.modelslab.com/api/v6/video',
    'https://cloud.example/x',
    'https://www.cloud.example:444/x',
    'https://other.example:8443/x',
    `${ORIGIN}/api/v4/dreambooth`,
    `${ORIGIN}/api/v6/images/fetch/12`,
    `${ORIGIN}/api/outputs/0-a.png`,
  ])('%s stays here', (address) => {
    expect(isOurs(new URL(address))).toBe(true);
  });

  test.each([
    'https://notmodelslab.com/api/v3/text2img',
    'https://modelslab.com.evil.example/api/v3/text2img',
    'https://docs.modelslab.com/',
    'https://other.example/x',
    'https://elsewhere.example/api/v3/text2img',
    'ws://modelslab.com/',
    'blob:https://modelslab.com/1234',
    `${ORIGIN}/api/login`,
    `${ORIGIN}/v3/text2img`,
    `${ORIGIN}/api/outputs/a/b`,
    ORIGIN,
  ])('%s is sent as ever', (address) => {
    expect(isOurs(new URL(address))).toBe(false);
  });

  test('of a host that a worker names stays here', () => {
    const url = new URL('https://third.example/x');
    expect(isOurs(url)).toBe(false);
    Object.assign(globalThis, { localDiffusionHosts: ['third.example'] });
    expect(isOurs(url)).toBe(true);
  });
});

test('names of files are read from their paths', () => {
  expect(outputName('/api/outputs/0-a.png')).toBe('0-a.png');
  expect(outputName('/api/outputs/')).toBeUndefined();
  expect(outputName('/api/v3/fetch/1')).toBeUndefined();
});
