import { z } from "zod";
import type { Reference } from "../decode/steering/part.ts";
import { beam } from "./beam.ts";
import { bestOfN } from "./best-of.ts";
import { judgeReference, type SearchBy, scorerNamed } from "./by.ts";
import type { SampledMethod } from "./method.ts";
import { rejection } from "./rejection.ts";
import { vote } from "./vote.ts";

/** Every method of a search, by its name in the request. */
export const SEARCHES = { best_of: bestOfN, rejection, vote, beam } as const;

export const SearchRequest = z
  .discriminatedUnion("method", [
    SEARCHES.best_of.schema as z.ZodObject & typeof SEARCHES.best_of.schema,
    SEARCHES.rejection.schema as z.ZodObject & typeof SEARCHES.rejection.schema,
    SEARCHES.vote.schema as z.ZodObject & typeof SEARCHES.vote.schema,
    SEARCHES.beam.schema as z.ZodObject & typeof SEARCHES.beam.schema,
  ])
  .meta({
    id: "SteeringSearch",
    description: "Make several texts and return one of them, within one budget of tokens",
  });
export type SearchRequest = z.infer<typeof SearchRequest>;
export type SampledSearch = Exclude<SearchRequest, { method: "beam" }>;

/** The method takes what is asked of it, which the compiler cannot infer through the index. */
export function sampledMethod(asked: SampledSearch): SampledMethod<SampledSearch> {
  return SEARCHES[asked.method] as unknown as SampledMethod<SampledSearch>;
}

/** What judges the candidates; undefined for beams, which judge themselves. */
export function judgedBy(asked: SearchRequest): SearchBy | undefined {
  return asked.method === "beam" ? undefined : sampledMethod(asked).by(asked);
}

/** The models that a search names. */
export function searchReferences(asked: SearchRequest): Reference[] {
  const by = judgedBy(asked);
  const reference = by === undefined ? undefined : judgeReference(by);
  return reference === undefined ? [] : [reference];
}

/** The registered scorer that a search names. */
export function searchScorer(asked: SearchRequest): string | undefined {
  const by = judgedBy(asked);
  return by === undefined ? undefined : scorerNamed(by);
}

/** Milliseconds that the scorer has for each of its calls; 0 where none is named. */
export function scorerDeadline(asked: SearchRequest): number {
  const by = judgedBy(asked);
  return typeof by === "object" && "scorer" in by ? by.deadline_ms : 0;
}
