import { TrimtabError } from "../../../shared/errors.ts";
import { sampleTexts } from "../../edits/base-statistics.ts";
import type { EditModel } from "../../edits/edit-model.ts";
import type { EditPlan } from "../../edits/edit-plan.ts";
import type { EncodedFact } from "../../edits/encoded-fact.ts";
import { keptTexts } from "../../edits/refine/kept-texts.ts";
import { refineChanges } from "../../edits/refine/refine.ts";
import type { Compressed } from "../../edits/solve/compress.ts";
import type { RecipeContext } from "../recipe.ts";
import { editedValues } from "./edited-weights.ts";
import { type PreparedEdit, paced } from "./prepare-edit.ts";
import { holding } from "./solve-facts.ts";

/** Numbers of the states that are kept of texts. */
const MOST_STATES = 1 << 24;
/** Tokens that a base writes itself, where it has no texts. */
const SAMPLED_TOKENS = 8_192;

export interface RefineFacts {
  readonly prepared: PreparedEdit;
  readonly context: RecipeContext;
  readonly model: EditModel;
  readonly plan: Pick<EditPlan, "refine">;
  readonly seed: number;
  /** Those that were solved. */
  readonly facts: readonly EncodedFact[];
  /** Further facts, which shall stay as they are: known ones. */
  readonly known: readonly EncodedFact[];
}

/**
 * The changes after they were improved as a whole, or as they are: where that is not asked, where there is no text to keep, and where
 * fewer facts would hold. Resets the model.
 */
export async function refineFacts<T extends Compressed>(
  changes: ReadonlyMap<number, T>,
  { prepared, context, model, plan, seed, facts, known }: RefineFacts,
): Promise<ReadonlyMap<number, T>> {
  if (plan.refine === 0) return changes;
  const { say, start, tokenizer, clock } = prepared;
  const { executor, yieldToEventLoop } = context;
  const { config, weights } = start;
  const tokens = Math.floor(MOST_STATES / config.hiddenSize);
  const texts =
    prepared.texts ??
    (await sampleTexts(executor, {
      ...{ config, weights, tokenizer, yieldToEventLoop, tokens: Math.min(tokens, SAMPLED_TOKENS) },
    }));
  const kept = await keptTexts(texts, {
    ...{ yieldToEventLoop, tokenizer, seed, tokens, longest: config.maxPositions },
    subjects: facts.map(({ fact }) => fact.subject),
    stated: [...known.map(statement), ...earlierStatements(prepared)],
  });
  if (kept.length === 0) {
    say("Every text names a subject, so that the change is left as it was solved", { phase: "refine" }, "warn");
    return changes;
  }
  const sayStep = paced(clock, (done, of) => say(`Improved in ${done} of ${of} steps`, { phase: "refine", done, of }));
  model.reset();
  const refined = await refineChanges(model, facts, changes, {
    ...{ kept, padId: tokenizer.padId, seed, steps: plan.refine, onStep: sayStep },
  }).catch((error) => {
    if (error instanceof TrimtabError && error.code === "non_finite") return undefined;
    throw error;
  });
  if (refined === undefined) {
    say("The change is left as it was solved: its improvement left the range of numbers", { phase: "refine" }, "warn");
    return changes;
  }
  const better = new Map([...changes].map(([layer, change]) => [layer, { ...change, ...refined.get(layer)! }]));
  const held = async (of: ReadonlyMap<number, T>) =>
    (await holding(editedValues(prepared, of), prepared, facts)).filter(Boolean).length;
  const [before, after] = [await held(changes), await held(better)];
  if (after >= before) return better;
  say(`The change is left as it was solved: ${before} facts hold, and ${after} would`, { phase: "refine" }, "warn");
  return changes;
}

const statement = ({ contexts, target }: EncodedFact) => Int32Array.from([...contexts[0]!.ids, ...target]);

/** What earlier edits made the model say, as far as this edit's format can say it. */
function earlierStatements({ start, encoder }: PreparedEdit): Int32Array[] {
  return start.edits
    .flatMap(({ file }) => file.facts)
    .flatMap(({ prompt, target_new }) => {
      const target = encoder.continuation(prompt, target_new);
      return target === undefined ? [] : [Int32Array.from([...encoder.prompt(prompt), ...target])];
    });
}
