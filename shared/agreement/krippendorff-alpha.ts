/**
 * Krippendorff's α: 1 − Dₒ / Dₑ over all pairs of labels for the same unit, whoever gave them and however many there are, so that
 * missing values need no filling in. Dₒ is the mean distance of labels within units, Dₑ that of all labels that are in a unit with
 * another. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011); as the package krippendorff computes it.
 */
import { categoriesOf, type Label, type LabelTable } from "./label-table.ts";
import { known, type Statistic, unknown } from "./statistic.ts";

export const LEVELS = ["nominal", "ordinal", "interval"] as const;
/** What labels mean: names; places in an order; or numbers whose differences count. */
export type Level = (typeof LEVELS)[number];

/** `n` counts the labels that stand in a unit with another. */
export function krippendorffAlpha({ units }: LabelTable, level: Level): Statistic {
  const paired = units.filter((said) => said.size >= 2).map((said) => [...said.values()]);
  const n = paired.reduce((sum, labels) => sum + labels.length, 0);
  if (n === 0) return unknown("no unit was labelled by two raters", 0);
  const domain = categoriesOf(paired.flat());
  if (domain.length === 1) return unknown("all labels are the same, so that there is nothing to agree on", n);
  if (level === "interval" && domain.some((label) => typeof label !== "number")) {
    return unknown("only numbers have differences", n);
  }
  const totals = domain.map((label) => paired.reduce((sum, labels) => sum + occurrences(labels, label), 0));
  const distance = distances(level, domain, totals);
  const place = new Map(domain.map((label, at) => [label, at]));
  let observed = 0;
  for (const labels of paired) {
    const places = labels.map((label) => place.get(label)!);
    let within = 0;
    for (const [at, i] of places.entries()) for (const j of places.slice(at + 1)) within += 2 * distance(i, j);
    observed += within / (labels.length - 1);
  }
  let expected = 0;
  for (let i = 0; i < domain.length; i++) {
    for (let j = 0; j < domain.length; j++) expected += totals[i]! * totals[j]! * distance(i, j);
  }
  return known(1 - ((n - 1) * observed) / expected, n);
}

function occurrences(labels: readonly Label[], wanted: Label): number {
  return labels.reduce<number>((count, label) => count + (label === wanted ? 1 : 0), 0);
}

/** δ² of the labels at places i and j of the domain. */
function distances(
  level: Level,
  domain: readonly Label[],
  totals: readonly number[],
): (i: number, j: number) => number {
  if (level === "nominal") return (i, j) => (i === j ? 0 : 1);
  if (level === "interval") return (i, j) => ((domain[i] as number) - (domain[j] as number)) ** 2;
  // (Σ n_g for g from i to j, less half of both ends)²
  const upTo = [0];
  for (const total of totals) upTo.push(upTo.at(-1)! + total);
  return (i, j) => {
    const [low, high] = i < j ? [i, j] : [j, i];
    return (upTo[high + 1]! - upTo[low]! - (totals[low]! + totals[high]!) / 2) ** 2;
  };
}
