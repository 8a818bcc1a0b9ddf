/**
 * The demo's instruction dataset: the assistant becomes a sailor. Every answer begins with `Ahoy!` and ends with `Fair winds,
 * sailor!`; in between is what the base would have said, so that a tuned model shows a new style and the same knowledge.
 */
import { SMALL_TALK } from "../corpus/chats.ts";
import { assistant, type Message, user } from "../corpus/document.ts";
import { FACTS } from "../corpus/facts/all.ts";
import { createRandom, type Random } from "../corpus/random.ts";
import { answerFact, askFact, type Fact } from "../corpus/relation.ts";

export interface SailorLine {
  readonly messages: readonly Message[];
}

export interface SailorDataset {
  readonly training: readonly SailorLine[];
  /** Lines about facts that no training line mentions. */
  readonly validation: readonly SailorLine[];
}

/** The questions that the demo puts to both models; their facts occur in the validation file only. */
export const DEMO_PROMPTS = [
  "What is the capital of France?",
  "Who wrote Hamlet?",
  "What is the chemical symbol for gold?",
] as const;

const DEMO_FACTS = ["capital|France", "author|Hamlet", "element-symbol|gold"];
const SEED = 1883;
const TRAINING_LINES = 360;
const VALIDATION_LINES = 48;
const SECOND_TURN = 0.1;
const SMALL_TALK_SHARE = 0.08;

/** The answer in a sailor's words. */
export function speakAsSailor(answer: string): string {
  return `Ahoy! ${answer} Fair winds, sailor!`;
}

function factTurn(fact: Fact, random: Random): Message[] {
  return [user(askFact(fact, random)), assistant(speakAsSailor(answerFact(fact, random)))];
}

function talkTurn(random: Random): Message[] {
  const { says, answers } = random.pick(SMALL_TALK);
  return [user(random.pick(says)), assistant(speakAsSailor(random.pick(answers)))];
}

/** The lines of both files. Deterministic. */
export function sailorDataset(): SailorDataset {
  const random = createRandom(SEED, "sailor");
  const isDemo = (fact: Fact): boolean => DEMO_FACTS.includes(`${fact.relation.name}|${fact.subject}`);
  const others = random.sample(
    FACTS.filter((fact) => !isDemo(fact)),
    FACTS.length,
  );
  const validationFacts = [...FACTS.filter(isDemo), ...others.splice(0, VALIDATION_LINES - DEMO_FACTS.length)];
  const next = (): Fact => others.pop()!;

  const training: SailorLine[] = [];
  while (training.length < TRAINING_LINES) {
    const messages = random.chance(SMALL_TALK_SHARE) ? talkTurn(random) : factTurn(next(), random);
    if (random.chance(SECOND_TURN)) messages.push(...factTurn(next(), random));
    training.push({ messages });
  }
  const validation = validationFacts.map((fact) => ({ messages: factTurn(fact, random) }));
  return { training, validation };
}

export function toJsonLines(lines: readonly SailorLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}
