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

/** Conflicts that are told; contradictions come first where there are more. */
export const MOST_TEXTUAL_CONFLICTS = 200;

/**
 * The facts that say something of what an earlier fact, or one before them in the same call, says something of: the same prompt, or the
 * same subject in the same words around it. Of facts of one edit, or of the call, that say the same, the first is named.
 */
export function textualConflicts(facts: readonly Statement[], earlier: readonly EarlierFact[]): EditConflict[] {
  const known = new Map<string, Map<string, EarlierFact>>();
  const add = (fact: EarlierFact) => {
    const said = JSON.stringify([fact.edit, plain(fact.target_new)]);
    for (const key of keysOf(fact)) {
      const statements = known.get(key) ?? new Map<string, EarlierFact>();
      if (!statements.has(said)) statements.set(said, fact);
      known.set(key, statements);
    }
  };
  for (const fact of earlier) add(fact);
  const found: EditConflict[] = [];
  let contradictions = 0;
  for (const [index, fact] of facts.entries()) {
    const met = new Set(keysOf(fact).flatMap((key) => [...(known.get(key)?.values() ?? [])]));
    for (const other of met) {
      if (contradictions === MOST_TEXTUAL_CONFLICTS) break;
      const conflict = conflictOf(index, fact, other);
      found.push(conflict);
      if (contradicts(conflict)) contradictions += 1;
    }
    add({ ...fact, edit: null, fact: index });
  }
  if (found.length <= MOST_TEXTUAL_CONFLICTS) return found;
  const agreeing = found.filter((conflict) => !contradicts(conflict));
  return [...found.filter(contradicts), ...agreeing].slice(0, MOST_TEXTUAL_CONFLICTS);
}

const contradicts = ({ kind }: EditConflict) => kind === "contradicting_targets";

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
