import { plain, relationOf, subjectPlace } from "../../shared/edits/check-facts.ts";
import type { EditFact } from "../../shared/edits/fact.ts";
import { joinedText } from "./encode-facts.ts";

/** Prompts of one kind, and where they come from. */
export interface PromptList {
  readonly source: "given" | "templates" | "none";
  readonly texts: readonly string[];
}

export interface ScorePrompts {
  readonly paraphrases: PromptList;
  readonly neighbours: PromptList;
}

/** A subject that is no edit's, and the prompt that it comes from, if any. */
export interface OtherSubject {
  readonly subject: string;
  readonly prompt?: string;
}

const PARAPHRASES = 2;
const NEIGHBOURS = 4;
const INTRODUCTION = "It is well known that";

export interface ScorePromptOptions {
  /** All facts of the call, this one among them. */
  readonly facts: readonly EditFact[];
  /** Subjects of the base's own facts. */
  readonly known: readonly OtherSubject[];
  /** Texts before which the fact was not solved. */
  readonly prefixes: readonly string[];
}

/**
 * What a fact is scored by: the caller's prompts, or else its own prompt behind other texts as paraphrases, and its own prompt with
 * other subjects as neighbours, those of the same relation first. No neighbour is a prompt that is edited too.
 */
export function scorePrompts(fact: EditFact, { facts, known, prefixes }: ScorePromptOptions): ScorePrompts {
  return {
    paraphrases:
      fact.paraphrases === undefined
        ? list([...prefixes.slice(0, PARAPHRASES - 1), INTRODUCTION].map((prefix) => introduced(prefix, fact.prompt)))
        : { source: "given", texts: fact.paraphrases },
    neighbours:
      fact.neighbours === undefined
        ? list(neighboursOf(fact, facts, known))
        : { source: "given", texts: fact.neighbours },
  };
}

const introduced = (prefix: string, prompt: string) =>
  prefix === INTRODUCTION ? `${INTRODUCTION} ${prompt}` : joinedText(prefix, prompt);

const list = (texts: readonly string[]): PromptList => ({ source: texts.length === 0 ? "none" : "templates", texts });

function neighboursOf(fact: EditFact, facts: readonly EditFact[], known: readonly OtherSubject[]): string[] {
  const place = subjectPlace(fact.prompt, fact.subject);
  if (typeof place === "string") return [];
  const relation = relationOf(fact);
  const edited = new Set(facts.map(({ prompt }) => plain(prompt)));
  const others: readonly OtherSubject[] = [...known, ...facts.filter((one) => one !== fact)];
  const ofRelation = (one: OtherSubject) =>
    one.prompt !== undefined && relationOf({ prompt: one.prompt, subject: one.subject }) === relation;
  const seen = new Set([plain(fact.subject)]);
  const found: string[] = [];
  for (const one of [...others.filter(ofRelation), ...others.filter((other) => !ofRelation(other))]) {
    if (found.length === NEIGHBOURS) break;
    if (seen.has(plain(one.subject))) continue;
    seen.add(plain(one.subject));
    const prompt = `${fact.prompt.slice(0, place.start)}${one.subject}${fact.prompt.slice(place.end)}`;
    if (!edited.has(plain(prompt))) found.push(prompt);
  }
  return found;
}
