/** Conflicts that facts' texts show; those between their keys take the model. */
import { plain, relationOf } from "./check-facts.ts";
import type { EditFact } from "./fact.ts";
import type { EditConflict } from "./report.ts";

type Statement = Pick<EditFact, "prompt" | "subject" | "target_new">;

/** A fact that was edited before. */
export interface EarlierFact extends Statement {
  /** The edit's id; null for another fact of the same call. */
  readonly edit: string | null;
  /** Its place in the edit. */
  readonly fact: number;
}

/**
 * The facts that say something of what an earlier fact, or one before them in the same call, says something of: the same prompt, or the
 * same subject in the same words around it.
 */
export function textualConflicts(facts: readonly Statement[], earlier: readonly EarlierFact[]): EditConflict[] {
  const known = new Map<string, EarlierFact[]>();
  const add = (fact: EarlierFact) => {
    for (const key of keysOf(fact)) known.set(key, [...(known.get(key) ?? []), fact]);
  };
  for (const fact of earlier) add(fact);
  return facts.flatMap((fact, index) => {
    const met = new Set(keysOf(fact).flatMap((key) => known.get(key) ?? []));
    add({ ...fact, edit: null, fact: index });
    return [...met].map((other) => conflictOf(index, fact, other));
  });
}

function conflictOf(index: number, fact: Statement, other: EarlierFact): EditConflict {
  const { edit, prompt, target_new } = other;
  const agrees = plain(fact.target_new) === plain(target_new);
  const place = edit === null ? `Fact ${other.fact} of the same call` : `Fact ${other.fact} of ${edit}`;
  const said = JSON.stringify(target_new);
  return {
    kind: agrees ? "same_subject_and_relation" : "contradicting_targets",
    fact: index,
    with: { edit, fact: other.fact, prompt, target_new },
    angle_degrees: null,
    message: agrees
      ? `${place} says the same already: ${said}.`
      : `${place} says ${said} where this says ${JSON.stringify(fact.target_new)}.`,
  };
}

/** Two facts with a key in common state something of the same. */
function keysOf(fact: Statement): string[] {
  return [...new Set([`prompt ${plain(fact.prompt)}`, `subject ${plain(fact.subject)}\u0001${relationOf(fact)}`])];
}
