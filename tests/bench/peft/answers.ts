import { FACTS } from "../../../infra/base/corpus/facts/all.ts";
import { phrase } from "../../../infra/base/corpus/relation.ts";
import { speakAsSailor } from "../../../infra/base/demo/sailor.ts";

const [BEFORE, AFTER] = speakAsSailor("\0").split("\0") as [string, string];

/** Maps a sentence to the facts that it states, by index; one phrasing can fit several facts. */
const STATED = new Map<string, Set<number>>();
for (const [number, fact] of FACTS.entries()) {
  for (const template of [...fact.relation.completions, ...fact.relation.statements]) {
    const sentence = phrase(template, fact);
    STATED.set(sentence, (STATED.get(sentence) ?? new Set()).add(number));
  }
}

/**
 * Whether a reply has the right style and fact: it speaks like the sailor and states the reference answer's fact in any of the
 * corpus's phrasings.
 */
export function isRightReply(reply: string, reference: string): boolean {
  const said = factsIn(reply);
  return [...factsIn(reference)].some((fact) => said.has(fact));
}

function factsIn(reply: string): ReadonlySet<number> {
  if (!reply.startsWith(BEFORE) || !reply.endsWith(AFTER)) return new Set();
  return STATED.get(reply.slice(BEFORE.length, reply.length - AFTER.length)) ?? new Set();
}
