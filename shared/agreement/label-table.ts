/** What raters said of units. A unit is whatever is judged as a whole: a text, a pair of texts, a question. */
export type Label = string | number;

export interface GivenLabel {
  readonly unit: string;
  readonly rater: string;
  /** null where the rater gave none: a missing value. */
  readonly label: Label | null;
}

/** Labels by unit, and within a unit by rater; missing values are absent. */
export class LabelTable {
  /** In the order in which they first occur. */
  readonly raters: readonly string[];
  readonly units: readonly ReadonlyMap<string, Label>[];
  #byRater: Map<string, ReadonlyMap<string, Label>[]> | undefined;

  /** Of two labels of one rater for one unit, the later counts. */
  constructor(labels: Iterable<GivenLabel>) {
    const raters = new Set<string>();
    const units = new Map<string, Map<string, Label>>();
    for (const { unit, rater, label } of labels) {
      raters.add(rater);
      const said = units.get(unit) ?? new Map<string, Label>();
      units.set(unit, said);
      if (label === null) said.delete(rater);
      else said.set(rater, label);
    }
    this.raters = [...raters];
    this.units = [...units.values()];
  }

  /** The labels of the units that both raters labelled, in the order of the units. */
  common(first: string, second: string): [Label[], Label[]] {
    // Of many raters, most labelled few of the units.
    const [few, other] = this.#of(first).length <= this.#of(second).length ? [first, second] : [second, first];
    const both = this.#of(few).filter((said) => said.has(other));
    return [both.map((said) => said.get(first)!), both.map((said) => said.get(second)!)];
  }

  /** The units that a rater labelled, in order. */
  #of(rater: string): readonly ReadonlyMap<string, Label>[] {
    if (this.#byRater === undefined) {
      this.#byRater = new Map();
      for (const said of this.units) {
        for (const name of said.keys()) {
          const own = this.#byRater.get(name) ?? [];
          if (own.length === 0) this.#byRater.set(name, own);
          own.push(said);
        }
      }
    }
    return this.#byRater.get(rater) ?? [];
  }
}

/** How often each label occurs. */
export function countsOf(labels: Iterable<Label>): Map<Label, number> {
  const counts = new Map<Label, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/** The distinct labels in order: numbers by size and before texts, texts by their characters. */
export function categoriesOf(labels: Iterable<Label>): Label[] {
  return [...new Set(labels)].sort((a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === typeof b) return a < b ? -1 : 1;
    return typeof a === "number" ? -1 : 1;
  });
}
