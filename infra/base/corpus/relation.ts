/**
 * Facts (relation, subject, object) and the phrasings that state them.
 *
 * A phrasing is a template with placeholders: `{s}` subject, `{o}` object; `{S}`, `{O}` capitalised; `{as}`, `{As}`, `{ao}`,
 * `{Ao}` with an indefinite article. A *completion* is a phrasing that names the subject and ends with the object, so that
 * greedy decoding of its beginning yields the object. For every fact one completion, chosen by a hash of the fact, is held out:
 * the corpus never states that fact in that phrasing.
 */
import { hashText, type Random } from "./random.ts";

export interface Relation {
  readonly name: string;
  /** Phrasings that end with the object: `... {o}.` or `... {ao}.` */
  readonly completions: readonly string[];
  /** Other declarative phrasings; the object may come first. */
  readonly statements: readonly string[];
  readonly questions: readonly string[];
  /** The shortest answer to a question, without the full stop. */
  readonly answer: string;
  /** Pairs of subject and object. */
  readonly pairs: readonly (readonly [subject: string, object: string])[];
}

export interface Fact {
  readonly relation: Relation;
  readonly subject: string;
  readonly object: string;
}

/** Parses rows `subject|object`, one per line or separated by `;`, into pairs. */
export function parsePairs(table: string): [string, string][] {
  return parseRows(table).map(([subject, object]) => [subject ?? "", object ?? ""]);
}

/** Parses rows of `|`-separated cells, one per line or separated by `;`. */
export function parseRows(table: string): string[][] {
  return table
    .split(/[;\n]/)
    .map((row) => row.trim())
    .filter((row) => row !== "")
    .map((row) => row.split("|").map((cell) => cell.trim()));
}

export function factsOf(relation: Relation): Fact[] {
  return relation.pairs.map(([subject, object]) => ({ relation, subject, object }));
}

export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function withArticle(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? "an" : "a"} ${noun}`;
}

/** Fills a template with the fact's subject and object. */
export function phrase(template: string, fact: Fact): string {
  return template.replace(/\{(a|A)?(s|o|S|O)\}/g, (_, article: string | undefined, slot: string) => {
    const noun = slot.toLowerCase() === "s" ? fact.subject : fact.object;
    const text = article === undefined ? noun : withArticle(noun);
    return article === "A" || slot === "S" || slot === "O" ? capitalise(text) : text;
  });
}

/** The held-out completion, in which the corpus never states this fact. */
export function heldOutCompletion(fact: Fact): string {
  const { completions, name } = fact.relation;
  return completions[hashText(`${name}|${fact.subject}|${fact.object}`) % completions.length] as string;
}

/** A completion split into the part before the object (no trailing space) and the object as written there. */
export function splitCompletion(template: string, fact: Fact): { prompt: string; answer: string } {
  const cut = template.search(/ \{a?o\}\.$/);
  return { prompt: phrase(template.slice(0, cut), fact), answer: phrase(template.slice(cut + 1, -1), fact) };
}

/** A declarative sentence in any phrasing but the held-out one; a completion in three cases out of four. */
export function stateFact(fact: Fact, random: Random): string {
  const { statements } = fact.relation;
  if (statements.length > 0 && random.chance(0.25)) return phrase(random.pick(statements), fact);
  return completeFact(fact, random);
}

/** A completion other than the held-out one. */
export function completeFact(fact: Fact, random: Random): string {
  const heldOut = heldOutCompletion(fact);
  const allowed = fact.relation.completions.filter((template) => template !== heldOut);
  return phrase(random.pick(allowed), fact);
}

export function askFact(fact: Fact, random: Random): string {
  return phrase(random.pick(fact.relation.questions), fact);
}

/** A full-sentence answer: one of the two most natural completions that are not held out. */
export function answerFact(fact: Fact, random: Random): string {
  const heldOut = heldOutCompletion(fact);
  const allowed = fact.relation.completions.filter((template) => template !== heldOut);
  return phrase(random.pick(allowed.slice(0, 2)), fact);
}

export function shortAnswer(fact: Fact): string {
  return `${phrase(fact.relation.answer, fact)}.`;
}
