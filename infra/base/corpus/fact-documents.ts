/** Documents that state facts: alone, in paragraphs and lists, grouped by topic or subject, and as questions with answers. */
import type { TextDocument } from "./document.ts";
import { FACTS } from "./facts/all.ts";
import { createDeck, type Random } from "./random.ts";
import { answerFact, askFact, completeFact, type Fact, shortAnswer, stateFact } from "./relation.ts";

const OPENINGS = [
  "Here are some facts.",
  "Did you know this?",
  "This is worth knowing.",
  "Let us learn something today.",
  "Remember the following.",
  "The teacher wrote on the board.",
  "From my notebook.",
  "It was a quiet day in the library.",
];

function groupBy(key: (fact: Fact) => string): Map<string, Fact[]> {
  const groups = new Map<string, Fact[]>();
  for (const fact of FACTS) {
    const group = groups.get(key(fact));
    if (group === undefined) groups.set(key(fact), [fact]);
    else group.push(fact);
  }
  return groups;
}

const BY_RELATION = groupBy((fact) => fact.relation.name);
const BY_SUBJECT = groupBy((fact) => fact.subject);

function questionAndAnswer(fact: Fact, random: Random): string {
  const answer = random.chance(0.5) ? shortAnswer(fact) : answerFact(fact, random);
  return `Q: ${askFact(fact, random)}\nA: ${answer}`;
}

/** A generator of fact documents that goes through all facts in shuffled rounds; it advances `random`. */
export function createFactDocuments(random: Random): () => TextDocument {
  const draw = createDeck(FACTS, random);
  const several = (count: number): Fact[] => Array.from({ length: count }, draw);
  const related = (groups: Map<string, Fact[]>, fact: Fact, key: string, count: number): Fact[] => [
    fact,
    ...random.sample(
      (groups.get(key) ?? []).filter((other) => other !== fact),
      count,
    ),
  ];

  const write = (): string => {
    const form = random.float();
    const state = (fact: Fact): string => stateFact(fact, random);
    if (form < 0.14) return completeFact(draw(), random);
    if (form < 0.36) return several(random.between(2, 6)).map(state).join(" ");
    if (form < 0.54) return several(random.between(2, 6)).map(state).join("\n");
    if (form < 0.61) return [random.pick(OPENINGS), ...several(random.between(1, 4)).map(state)].join(" ");
    if (form < 0.72) {
      const fact = draw();
      return related(BY_SUBJECT, fact, fact.subject, 4).map(state).join(" ");
    }
    if (form < 0.84) {
      const fact = draw();
      return related(BY_RELATION, fact, fact.relation.name, random.between(1, 4)).map(state).join(" ");
    }
    return several(random.between(1, 4))
      .map((fact) => questionAndAnswer(fact, random))
      .join("\n");
  };
  return () => ({ kind: "facts", text: `${write()}\n` });
}
