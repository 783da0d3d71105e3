/**
 * Addresses of WebAssembly, made absolute.
 */

import { describe, expect, test } from 'vitest';

import { absoluteWasmPaths } from '../../../src/protocol/wasm-paths.ts';

const BASE = 'https://page.test/app/index.html';

describe('addresses of WebAssembly', () => {
  test.each([
    ['wasm', 'https://page.test/app/wasm/'],
    ['/wasm/', 'https://page.test/wasm/'],
    ['https://cdn.test/wasm', 'https://cdn.test/wasm/'],
  ])('of a folder, %s, are absolute and end in a slash', (path, expected) => {
    expect(absoluteWasmPaths(path, BASE)).toBe(expected);
  });

  test('of files are absolute', () => {
    expect(absoluteWasmPaths({ wasm: '../x.wasm', mjs: 'https://cdn.test/x.mjs' }, BASE)).toEqual({
      wasm: 'https://page.test/x.wasm',
      mjs: 'https://cdn.test/x.mjs',
    });
    expect(absoluteWasmPaths({ wasm: 'x.wasm' }, BASE)).toEqual({
      wasm: 'https://page.test/app/x.wasm',
    });
  });
});
