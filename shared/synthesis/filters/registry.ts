/** Every filter, in the order in which they are asked: what costs least first. */
import { z } from "zod";
import { contamination } from "./contamination.ts";
import { duplicates } from "./duplicates.ts";
import { elimination } from "./elimination.ts";
import type { Candidate, Filter, FilterContext } from "./filter.ts";
import { format } from "./format.ts";
import { grade } from "./grade.ts";
import { length } from "./length.ts";
import { perplexity } from "./perplexity.ts";
import { rouge } from "./rouge.ts";

const FILTERS = { length, duplicates, rouge, format, elimination, contamination, perplexity, grade } as const;
export type FilterName = keyof typeof FILTERS;
export const FILTER_NAMES = Object.keys(FILTERS) as readonly FilterName[];

/** The filters of a job, each with its settings; those that are left out are not asked. */
export const FilterSettings = z
  .strictObject({
    length: length.settings.optional(),
    duplicates: duplicates.settings.optional(),
    rouge: rouge.settings.optional(),
    format: format.settings.optional(),
    elimination: elimination.settings.optional(),
    contamination: contamination.settings.optional(),
    perplexity: perplexity.settings.optional(),
    grade: grade.settings.optional(),
  } satisfies Readonly<Record<FilterName, z.ZodType>>)
  .meta({ id: "SynthesisFilters" });
export type FilterSettings = z.infer<typeof FilterSettings>;

/** What was said of a candidate. */
export interface Filtered {
  /** The filter that rejects it, and why; null where all pass. */
  readonly rejected: { readonly filter: FilterName; readonly reason: string } | null;
  readonly passed: readonly FilterName[];
  readonly scores: Readonly<Record<string, number>>;
}

/** Asks the filters of a stage, up to the first that rejects. */
export function filtered(
  candidate: Candidate,
  stage: Filter<never>["stage"],
  { settings, context }: { readonly settings: FilterSettings; readonly context: FilterContext },
): Filtered {
  const passed: FilterName[] = [];
  const scores: Record<string, number> = {};
  for (const name of FILTER_NAMES) {
    const own = settings[name];
    const filter: Filter<never> = FILTERS[name] as never;
    if (own === undefined || filter.stage !== stage) continue;
    const { reason, score } = filter.check(candidate, own as never, context);
    if (score !== undefined) scores[name] = score;
    if (reason !== null) return { rejected: { filter: name, reason }, passed, scores };
    passed.push(name);
  }
  return { rejected: null, passed, scores };
}

/** Whether one of the filters needs that measured. */
export function needs(settings: FilterSettings, what: NonNullable<Filter<never>["needs"]>): boolean {
  return FILTER_NAMES.some((name) => settings[name] !== undefined && (FILTERS[name] as Filter<never>).needs === what);
}
