/**
 * Symbolic dimensions: sizes that a graph leaves open, such as batch, height, width and tokens.
 *
 * A dimension is a number or a product of a rational coefficient and atoms (named symbols, and
 * expressions that do not simplify, such as a rounded-up half). A symbol may be declared to be a
 * multiple of something, so that halving and doubling it again gives the symbol back. Products have
 * one text in whatever order they are formed, and equal texts mean equal sizes.
 */

/** Values for the symbols of a graph, such as `{ B: 2, H: 64, W: 64, T: 77 }`. */
export type Bindings = Readonly<Record<string, number>>;

/** A size: known, or known once the symbols have values. */
export type Dim = number | SymbolicDim;

type Atom = {
  readonly text: string;
  readonly multipleOf: number;
  readonly evaluate: (bindings: Bindings) => number;
};

/** A product of a positive rational coefficient and atoms; made by the functions of this file. */
export class SymbolicDim {
  /** Canonical text, used as the dimension's name in the ONNX file. */
  readonly text: string;
  readonly numerator: number;
  readonly denominator: number;
  readonly atoms: readonly Atom[];

  constructor(numerator: number, denominator: number, atoms: readonly Atom[]) {
    this.numerator = numerator;
    this.denominator = denominator;
    this.atoms = atoms;
    const factors = atoms.map((atom) => atom.text);
    if (numerator !== 1 || factors.length === 0) factors.unshift(String(numerator));
    this.text = factors.join('*') + (denominator === 1 ? '' : `/${denominator}`);
  }

  /** The size under `bindings`; throws when a symbol has no value or the result is not a whole number. */
  evaluate(bindings: Bindings): number {
    let product = this.numerator;
    for (const atom of this.atoms) product *= atom.evaluate(bindings);
    const value = product / this.denominator;
    if (!Number.isInteger(value)) {
      throw new RangeError(`${this.text} is ${value}, not a whole number, for these sizes`);
    }
    return value;
  }

  toString(): string {
    return this.text;
  }
}

/**
 * A named open size.
 *
 * @param multipleOf promise that every value will be a multiple of this number (default 1); checked
 *   when the dimension is evaluated.
 */
export function symbol(name: string, { multipleOf = 1 }: { multipleOf?: number } = {}): Dim {
  const evaluate = (bindings: Bindings): number => {
    const value = bindings[name];
    if (value === undefined) throw new RangeError(`no value for the size ${name}`);
    if (!Number.isInteger(value) || value < 1 || value % multipleOf !== 0) {
      throw new RangeError(
        `the size ${name} must be a positive multiple of ${multipleOf}, got ${value}`,
      );
    }
    return value;
  };
  return new SymbolicDim(1, 1, [{ text: name, multipleOf, evaluate }]);
}

/** The product of sizes. */
export function times(...dims: readonly Dim[]): Dim {
  let numerator = 1;
  let denominator = 1;
  const atoms: Atom[] = [];
  for (const dim of dims) {
    if (typeof dim === 'number') {
      numerator *= dim;
      continue;
    }
    numerator *= dim.numerator;
    denominator *= dim.denominator;
    atoms.push(...dim.atoms);
  }
  return normal(numerator, denominator, atoms);
}

/** A size divided by a whole number and rounded up. */
export function ceilDiv(dim: Dim, divisor: number): Dim {
  if (typeof dim === 'number') return Math.ceil(dim / divisor);
  if (divisor === 1) return dim;
  const known = dim.atoms.reduce((product, atom) => product * atom.multipleOf, dim.numerator);
  if ((known / dim.denominator) % divisor === 0) {
    return normal(dim.numerator, dim.denominator * divisor, [...dim.atoms]);
  }
  return opaque(`ceil(${dim.text}/${divisor})`, (bindings) =>
    Math.ceil(dim.evaluate(bindings) / divisor),
  );
}

/** `whole - part`, for the last of several slices. */
export function minus(whole: Dim, part: Dim): Dim {
  if (typeof whole === 'number' && typeof part === 'number') return whole - part;
  return opaque(
    `(${String(whole)}-${String(part)})`,
    (bindings) => evaluateDim(whole, bindings) - evaluateDim(part, bindings),
  );
}

/**
 * What a symbol must be for a dimension to be `value`, where the dimension is a multiple of one symbol alone;
 * undefined where it is not.
 */
export function solveFor(dim: Dim, value: number): { name: string; value: number } | undefined {
  if (typeof dim === 'number' || dim.atoms.length !== 1) return undefined;
  const [{ text }] = dim.atoms as [Atom];
  if (!/^\w+$/.test(text)) return undefined;
  return { name: text, value: (value * dim.denominator) / dim.numerator };
}

/** The size under `bindings`. */
export function evaluateDim(dim: Dim, bindings: Bindings): number {
  return typeof dim === 'number' ? dim : dim.evaluate(bindings);
}

/** The number of elements of a tensor of this shape under `bindings`. */
export function evaluateCount(shape: readonly Dim[], bindings: Bindings): number {
  return shape.reduce<number>((product, dim) => product * evaluateDim(dim, bindings), 1);
}

/** Whether two sizes are the same for all values of their symbols. */
export function sameDim(a: Dim, b: Dim): boolean {
  return String(a) === String(b);
}

function opaque(text: string, evaluate: (bindings: Bindings) => number): SymbolicDim {
  return new SymbolicDim(1, 1, [{ text, multipleOf: 1, evaluate }]);
}

function normal(numerator: number, denominator: number, atoms: Atom[]): Dim {
  const shared = greatestCommonDivisor(numerator, denominator);
  const top = numerator / shared;
  const bottom = denominator / shared;
  if (atoms.length === 0 && bottom === 1) return top;
  atoms.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  return new SymbolicDim(top, bottom, atoms);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
