/**
 * A scan over JSON text that finds what JSON.parse hides or cannot bound: repeated names in one
 * object, and nesting or lists so large that parsing them would cost many times the text's memory.
 * It does not validate JSON; the parser that runs afterwards does.
 */

/** How large a JSON text's structure may be. */
export type StructureLimits = {
  /** Deepest nesting of objects and lists; the outermost counts as 1. */
  depth: number;
  /** Most entries of one list. */
  listLength: number;
};

/** An object or list that is open at some point of the scan. */
type Level = { names: Set<string> | undefined; commas: number; expectsName: boolean };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Position just behind the string that opens at `start`, or the text's length if it never ends. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

/** The text of a JSON string with its quotes; undefined when it is not a valid one. */
function unquoted(quoted: string): string | undefined {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return undefined;
  }
}

/** What is wrong with the structure of a JSON text, in words; undefined when nothing is. */
export function structureFault(text: string, limits: StructureLimits): string | undefined {
  const levels: Level[] = [];
  for (let at = 0; at < text.length; at++) {
    const level = levels.at(-1);
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = stringEnd(text, at);
        if (level?.names && level.expectsName) {
          const name = unquoted(text.slice(at, end));
          if (name !== undefined && level.names.has(name)) return `the name "${name}" occurs twice`;
          if (name !== undefined) level.names.add(name);
          level.expectsName = false;
        }
        at = end - 1;
        break;
      }
      case 0x7b: // {
        levels.push({ names: new Set(), commas: 0, expectsName: true });
        if (levels.length > limits.depth) return 'it is nested too deeply';
        break;
      case 0x5b: // [
        levels.push({ names: undefined, commas: 0, expectsName: false });
        if (levels.length > limits.depth) return 'it is nested too deeply';
        break;
      case 0x7d: // }
      case 0x5d: // ]
        levels.pop();
        break;
      case 0x2c: // ,
        if (!level) break;
        level.expectsName = level.names !== undefined;
        if (++level.commas >= limits.listLength && !level.names) return 'a list in it is too long';
        break;
    }
  }
  return undefined;
}
