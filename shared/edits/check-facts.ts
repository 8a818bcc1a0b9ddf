/** What can be known of facts without a model: whether each names its subject once, and whether they contradict each other. */
import type { EditFact } from "./fact.ts";

export interface FactProblem {
  /** The fact's place in the list. */
  readonly index: number;
  /** The field of the fact that is wrong. */
  readonly field: "subject" | "target_new" | "prompt";
  /** Follows the field's name: `is not in the prompt`. */
  readonly problem: string;
  /** The earlier fact that it contradicts. */
  readonly with?: number;
}

/** A place [start, end) in a prompt, in UTF-16 code units. */
export interface SubjectPlace {
  readonly start: number;
  readonly end: number;
}

const LETTER = /[\p{L}\p{N}]/u;

/**
 * Where a prompt names its subject, without spaces around it: tokenizers attach a space to the next word. Places that are whole words count before others, so that `cat` is found in "The category of a
 * cat is"; scripts without spaces have no others.
 */
export function subjectPlace(prompt: string, given: string): SubjectPlace | "absent" | "twice" {
  const subject = given.trim();
  if (subject === "") return "absent";
  const found: SubjectPlace[] = [];
  for (let at = prompt.indexOf(subject); at >= 0; at = prompt.indexOf(subject, at + 1)) {
    found.push({ start: at, end: at + subject.length });
  }
  const words = found.filter((place) => isWord(prompt, place));
  const [first, second] = words.length > 0 ? words : found;
  if (first === undefined) return "absent";
  return second === undefined ? first : "twice";
}

function isWord(prompt: string, { start, end }: SubjectPlace): boolean {
  const joined = (before: string | undefined, after: string | undefined) =>
    before !== undefined && after !== undefined && LETTER.test(before) && LETTER.test(after);
  const characters = (text: string) => [...text];
  return (
    !joined(characters(prompt.slice(0, start)).at(-1), characters(prompt.slice(start))[0]) &&
    !joined(characters(prompt.slice(0, end)).at(-1), characters(prompt.slice(end))[0])
  );
}

/** What is wrong with a fact by itself; undefined if nothing is. */
export function factProblem({ prompt, subject, target_new: target }: EditFact): Omit<FactProblem, "index"> | undefined {
  if (subject.trim() === "") return { field: "subject", problem: "must not be empty" };
  const place = subjectPlace(prompt, subject);
  if (place === "absent") {
    return {
      field: "subject",
      problem: `${JSON.stringify(subject)} is not in the prompt; write it as the prompt does`,
    };
  }
  if (place === "twice") {
    const problem = `${JSON.stringify(subject)} is in the prompt more than once; word the prompt so that it is named once`;
    return { field: "subject", problem };
  }
  if (target.trim() === "") return { field: "target_new", problem: "must not be empty" };
  return undefined;
}

/** Looks at facts one after the other, each by itself and against those before it. */
export class FactCheck {
  readonly #byPrompt = new Map<string, { readonly index: number; readonly target: string }>();
  #count = 0;

  /** What is wrong with the next fact; undefined if nothing is. Facts with a problem are not compared with later ones. */
  add(fact: EditFact): FactProblem | undefined {
    const index = this.#count;
    this.#count += 1;
    const own = factProblem(fact);
    if (own !== undefined) return { index, ...own };
    const target = plain(fact.target_new);
    for (const key of [plain(fact.prompt), statementOf(fact)]) {
      const earlier = this.#byPrompt.get(key);
      if (earlier === undefined) {
        this.#byPrompt.set(key, { index, target });
      } else if (earlier.target !== target) {
        return {
          index,
          field: "target_new",
          problem: `contradicts fact ${earlier.index}, which gives the same prompt another target; keep one of them`,
          with: earlier.index,
        };
      }
    }
    return undefined;
  }
}

/** The first problem of a list of facts; undefined if there is none. */
export function checkFacts(facts: readonly EditFact[]): FactProblem | undefined {
  const check = new FactCheck();
  for (const fact of facts) {
    const problem = check.add(fact);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** A text without what does not change what it says: case, and how much space there is. */
export function plain(text: string): string {
  return text.normalize("NFC").toLowerCase().replace(/\s+/g, " ").trim();
}

/** The prompt with its subject cut out: what a fact says of its subject. */
export function relationOf({ prompt, subject }: Pick<EditFact, "prompt" | "subject">): string {
  const place = subjectPlace(prompt, subject);
  if (typeof place === "string") return plain(prompt);
  return plain(`${prompt.slice(0, place.start)}\u0000${prompt.slice(place.end)}`);
}

const statementOf = (fact: EditFact) => `${plain(fact.subject)}\u0001${relationOf(fact)}`;
