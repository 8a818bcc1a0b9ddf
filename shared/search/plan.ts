import type { CompanionRow, PlanContext } from "../decode/steering/part.ts";
import { calibrated, classLogits, logSoftmax } from "../delta/scorer-values.ts";
import { TrimtabError } from "../errors.ts";
import { judgeReference, type SearchBy } from "./by.ts";
import { judgedBy, type SearchRequest } from "./registry.ts";

const ROLE = "search";

/** A row that judges a text, or what there is of it. */
export interface Judge {
  readonly role: string;
  /** What the head's input [D] after a text says of it: a probability, or a reward. More is better. */
  readonly score: (final: Float32Array) => number;
  /** Whether the token that ends a text is part of what it reads. */
  readonly readsEnd: boolean;
}

export interface SearchPlan {
  readonly asked: SearchRequest;
  /** Absent where no model judges. */
  readonly judge?: Judge;
  /** The judge's row, where no row of the other parts is the same. */
  readonly companion?: CompanionRow;
}

/**
 * What a search needs of each candidate's rows. `companions` are those of the other parts. Throws `invalid_request` for a model
 * that cannot judge whole texts, and for a class that it does not have.
 */
export function planSearch(
  asked: SearchRequest,
  context: PlanContext,
  companions: readonly CompanionRow[],
): SearchPlan {
  const by = judgedBy(asked);
  const reference = by === undefined ? undefined : judgeReference(by);
  if (by === undefined || reference === undefined) return { asked };
  const scorer = context.scorer(reference.at);
  const place = placeOf(by, context);
  if (scorer.about.temperatures.lookahead === undefined) {
    const message = "This classifier was not trained to judge whole texts: train it for the mode lookahead.";
    throw new TrimtabError("invalid_request", message, { param: reference.at });
  }
  const score = (final: Float32Array) => {
    const logits = calibrated(scorer, classLogits(scorer, final), "lookahead");
    return logits.length === 1 ? logits[0]! : Math.exp(logSoftmax(logits)[place]!);
  };
  const { lead } = scorer.about;
  const wanted: CompanionRow = {
    role: ROLE,
    model: { at: reference.at },
    prompt: lead.length === 0 ? { kind: "own" } : { kind: "tokens", ids: lead },
    final: true,
  };
  const same = companions.find((row) => row.final === true && isSame(row, wanted, context));
  const judge = { role: same?.role ?? ROLE, score, readsEnd: scorer.about.ends === true };
  return same === undefined ? { asked, judge, companion: wanted } : { asked, judge };
}

function placeOf(by: SearchBy, context: PlanContext): number {
  const refuse = (param: string, message: string) => new TrimtabError("invalid_request", message, { param });
  if (typeof by === "string" || "scorer" in by) return 0;
  const { labels } = context.scorer("reward" in by ? "search.by.reward" : "search.by.classifier").about;
  const named = labels.map((label) => JSON.stringify(label)).join(", ");
  if ("reward" in by) {
    if (labels.length === 1) return 0;
    throw refuse("search.by.reward", `This is a classifier of ${named}: name it as \`classifier\`, with a \`label\`.`);
  }
  if (labels.length === 1) {
    throw refuse("search.by.classifier", "This is a reward model: name it as `reward`, without a label.");
  }
  const at = labels.indexOf(by.label);
  if (at >= 0) return at;
  throw refuse("search.by.label", `The classifier has no class ${JSON.stringify(by.label)}; it has ${named}.`);
}

function isSame(a: CompanionRow, b: CompanionRow, { same }: PlanContext): boolean {
  return same(a.model, b.model) && JSON.stringify(a.prompt) === JSON.stringify(b.prompt);
}
