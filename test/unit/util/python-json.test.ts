/**
 * JSON with infinities.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePythonJson } from '../../../src/util/python-json.ts';

describe('JSON as Python writes it', () => {
  test('has infinities and NaN, which become null', () => {
    const text = '{"lambda_min_clipped": -Infinity, "a": [Infinity, NaN, 1], "b": {"c":-Infinity}}';
    expect(parsePythonJson(text)).toEqual({
      lambda_min_clipped: null,
      a: [null, null, 1],
      b: { c: null },
    });
  });

  test('keeps strings that speak of them', () => {
    const value = { 'a "NaN"': '-Infinity, \\"NaN\\"', Infinity: '\\' };
    expect(parsePythonJson(JSON.stringify(value))).toEqual(value);
  });

  test('is otherwise JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parsePythonJson(text)).toEqual(JSON.parse(text));
      }),
    );
    expect(() => parsePythonJson('{"a": }')).toThrow(SyntaxError);
  });
});
