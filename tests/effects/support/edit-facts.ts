/**
 * Facts to edit the embedded base with: what it knows, each with another object of its relation as the new target.
 *
 * A phrasing counts where it ends with the object, in the same form as the prompt's, so that one target can follow both. Neighbours are
 * subjects of the same relation that are not edited: each relation keeps some back, however many facts are asked for.
 */
import { FACTS, RELATIONS } from "../../../infra/base/corpus/index.ts";
import { createRandom } from "../../../infra/base/corpus/random.ts";
import { type Fact, phrase, type Relation, splitCompletion } from "../../../infra/base/corpus/relation.ts";
import { isFactRecalled } from "../../../infra/base/evaluation/scoring.ts";
import { subjectPlace } from "../../../shared/edits/check-facts.ts";
import type { EditFact } from "../../../shared/edits/fact.ts";

/** A relation with more subjects than this keeps two back, others one. */
const LARGE = 40;
const NEIGHBOURS = 3;

/** Greedy texts of prompts, in their order; at least as many tokens as an object has. */
export type Continue = (prompts: readonly string[]) => Promise<readonly string[]>;

export interface MeasuredFact extends EditFact {
  readonly target_true: string;
  readonly paraphrases: string[];
  readonly neighbours: string[];
  readonly relation: string;
}

export interface EditFactsOptions {
  /** How many; all that the base knows by default. */
  readonly count?: number;
  readonly seed: number;
}

interface Candidate {
  readonly fact: Fact;
  readonly templates: readonly string[];
}

/**
 * Facts in an order that only the seed decides, so that fewer facts are the first of more. A fact is asked in the first of its phrasings,
 * in an order of its own, in which the base completes it; a fact that it completes in none is left out.
 */
export async function editFacts(continued: Continue, { count, seed }: EditFactsOptions): Promise<MeasuredFact[]> {
  const edited = candidates(seed).slice(0, count);
  const prompts = await knownPrompts(continued, edited);
  const kept = Map.groupBy(
    FACTS.filter((fact) => !edited.some((one) => one.fact === fact)),
    ({ relation }) => relation,
  );
  return edited.flatMap(({ fact }, index) => {
    const template = prompts[index];
    return template === undefined ? [] : [editOf(fact, template, kept.get(fact.relation) ?? [], seed)];
  });
}

/** Every fact but those that the relations keep back, shuffled, with its phrasings. */
function candidates(seed: number): Candidate[] {
  const all = RELATIONS.flatMap((relation) => {
    const facts = FACTS.filter((fact) => fact.relation === relation);
    const order = createRandom(seed, "edited", relation.name).sample(facts, facts.length);
    return order.slice(relation.pairs.length > LARGE ? 2 : 1);
  });
  return createRandom(seed, "order of edits")
    .sample(all, all.length)
    .map((fact) => {
      const random = createRandom(seed, "phrasing", fact.relation.name, fact.subject);
      const { completions } = fact.relation;
      const named = completions.filter((template) => typeof subjectOf(template, fact) === "string");
      return { fact, templates: random.sample(named, named.length) };
    });
}

/** The first phrasing of each fact that the base completes with its object. */
async function knownPrompts(continued: Continue, asked: readonly Candidate[]): Promise<(string | undefined)[]> {
  const known = new Map<Candidate, string>();
  for (let nth = 0; ; nth++) {
    const open = asked.filter((one) => !known.has(one) && one.templates[nth] !== undefined);
    if (open.length === 0) return asked.map((one) => known.get(one));
    const split = open.map(({ fact, templates }) => splitCompletion(templates[nth]!, fact));
    const texts = await continued(split.map(({ prompt }) => prompt));
    for (const [i, one] of open.entries()) {
      if (isFactRecalled(texts[i]!, split[i]!.answer)) known.set(one, one.templates[nth]!);
    }
  }
}

function editOf(fact: Fact, template: string, kept: readonly Fact[], seed: number): MeasuredFact {
  const random = createRandom(seed, "target", fact.relation.name, fact.subject);
  const { relation } = fact;
  const others = [...new Set(relation.pairs.map(([, object]) => object))].filter((object) => object !== fact.object);
  const { prompt, answer } = splitCompletion(template, fact);
  const target = splitCompletion(template, { ...fact, object: random.pick(others) }).answer;
  return {
    ...{ prompt, subject: subjectOf(template, fact)!, target_new: target, target_true: answer, kind: "fact" },
    paraphrases: sameForm(relation, template).map((other) => splitCompletion(other, fact).prompt),
    neighbours: random.sample(kept, NEIGHBOURS).map((other) => splitCompletion(template, other).prompt),
    relation: relation.name,
  };
}

const formOf = (template: string) => template.slice(template.lastIndexOf(" "));

/** The other phrasings in which the object has the same form: `the {o}` and `{o}` differ, as do `{o}` and `{ao}`. */
function sameForm({ completions }: Relation, template: string): string[] {
  return completions.filter((other) => other !== template && formOf(other) === formOf(template));
}

/** The subject as the prompt has it; undefined where the prompt names it more than once. */
function subjectOf(template: string, fact: Fact): string | undefined {
  const slot = /\{(a|A)?([sS])\}/.exec(template)!;
  const subject = phrase(slot[2] === "S" ? "{S}" : "{s}", fact);
  const place = subjectPlace(splitCompletion(template, fact).prompt, subject);
  return typeof place === "string" ? undefined : subject;
}
