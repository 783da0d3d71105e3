/**
 * Linear combinations of things that are only named: the language samplers are written in.
 *
 * A quantity stands for a whole batch of latents: a sample, what the network said about it, fresh noise.
 * Nothing here holds their numbers. Coefficients are f64 and exact zeros vanish, so that a term is read
 * from memory only where it counts.
 */

/** Something that a driver has the numbers of. Told apart by identity; the label is for people. */
export type Quantity = { readonly label: string };

/** A sum of quantities, each with a factor; immutable. */
export class Combination {
  /** The factor of each quantity, in the order they came in; none is zero. */
  readonly terms: ReadonlyMap<Quantity, number>;

  constructor(terms: ReadonlyMap<Quantity, number>) {
    this.terms = terms;
  }

  /** The quantity that this is nothing but, with factor 1; undefined for any other sum. */
  get quantity(): Quantity | undefined {
    const [first] = this.terms;
    return first !== undefined && this.terms.size === 1 && first[1] === 1 ? first[0] : undefined;
  }

  /** This, `factor` times. */
  times(factor: number): Combination {
    return sum([factor, this]);
  }

  /** As people write it: `0.5·x - 2·eps`. */
  toString(): string {
    const signed = [...this.terms].map(([{ label }, factor]) => {
      const size = Math.abs(factor) === 1 ? '' : `${Number(Math.abs(factor).toPrecision(6))}·`;
      return `${factor < 0 ? '-' : '+'} ${size}${label}`;
    });
    return signed.length === 0 ? '0' : signed.join(' ').replace(/^\+ /, '').replace(/^- /, '-');
  }
}

/** The sum of nothing. */
export const zero = new Combination(new Map());

/** A quantity as a combination. */
export function just(quantity: Quantity): Combination {
  return new Combination(new Map([[quantity, 1]]));
}

/** `factor_1 · combination_1 + factor_2 · combination_2 + ...`. */
export function sum(
  ...parts: readonly (readonly [factor: number, of: Combination])[]
): Combination {
  const terms = new Map<Quantity, number>();
  for (const [factor, combination] of parts) {
    if (!Number.isFinite(factor)) throw new RangeError(`${factor} times ${combination.toString()}`);
    for (const [quantity, inner] of combination.terms) {
      terms.set(quantity, (terms.get(quantity) ?? 0) + factor * inner);
    }
  }
  for (const [quantity, factor] of terms) if (factor === 0) terms.delete(quantity);
  return new Combination(terms);
}
