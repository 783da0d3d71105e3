/**
 * JSON as Python's own module writes it: with infinities and NaN, which the format does not know. diffusers'
 * scheduler configs have such (`"lambda_min_clipped": -Infinity`).
 */

/** Strings, which are to be left alone, and the words that are none of JSON's. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;

/** Parses it; infinities and NaN become null. Throws SyntaxError as `JSON.parse` does. */
export function parsePythonJson(text: string): unknown {
  return JSON.parse(text.replaceAll(TOKENS, (token) => (token.startsWith('"') ? token : 'null')));
}
