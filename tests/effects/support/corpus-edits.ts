/** Facts of the embedded base's corpus with another object of their relation, as edits. */

import { FACTS } from "../../../infra/base/corpus/index.ts";
import { createRandom } from "../../../infra/base/corpus/random.ts";
import { type Fact, heldOutCompletion, splitCompletion } from "../../../infra/base/corpus/relation.ts";
import { subjectPlace } from "../../../shared/edits/check-facts.ts";
import { EditFact } from "../../../shared/edits/fact.ts";

/** Prompts of one kind that score a fact. */
const MOST_PROMPTS = 4;

/** Facts in a random order, none with the same subject and relation as another. */
export function corpusEdits(seed: number, count: number): EditFact[] {
  const random = createRandom(seed, "edits");
  const facts = random.sample(FACTS, FACTS.length);
  return facts.flatMap((fact) => editOf(fact, random) ?? []).slice(0, count);
}

function editOf(fact: Fact, random: ReturnType<typeof createRandom>): EditFact | undefined {
  const { relation, subject, object } = fact;
  const others = [...new Set(relation.pairs.map(([, one]) => one))].filter((one) => one !== object);
  if (others.length === 0) return undefined;
  const target = { ...fact, object: random.pick(others) };
  // The prompt is one that the corpus states the fact in; the held-out phrasing is among the paraphrases.
  const usable = relation.completions.filter((template) => {
    const { prompt } = splitCompletion(template, fact);
    return typeof subjectPlace(prompt, subject) !== "string" && / \{a?o\}\.$/.test(template);
  });
  const stated = usable.filter((template) => template !== heldOutCompletion(fact));
  if (stated.length === 0) return undefined;
  const template = stated[0]!;
  const sameSubject = (one: readonly [string, string]) => one[0] === subject;
  const { prompt, answer } = splitCompletion(template, target);
  return EditFact.parse({
    ...{ prompt, subject, target_new: answer, target_true: splitCompletion(template, fact).answer },
    paraphrases: usable
      .filter((one) => one !== template && articleOf(one) === articleOf(template))
      .map((one) => splitCompletion(one, fact).prompt)
      .slice(0, MOST_PROMPTS),
    neighbours: random
      .sample(
        relation.pairs.filter((pair) => !sameSubject(pair)),
        MOST_PROMPTS,
      )
      .map(([other]) => splitCompletion(template, { ...fact, subject: other }).prompt),
  });
}

const articleOf = (template: string) => /\{ao\}\.$/.test(template);
