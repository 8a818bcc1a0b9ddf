import type { EditScores } from "../../shared/edits/report.ts";
import { beginsWithAnswer } from "../../shared/evaluation/answers.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import type { TokenizedExample } from "../data/units.ts";
import type { EditedSubject, EditedValues } from "./edited-subject.ts";
import type { FactEncoder } from "./encode-facts.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import type { ScorePrompts } from "./score-prompts.ts";

/** What one fact is asked. */
export interface ScoredFact {
  readonly encoded: EncodedFact;
  readonly prompts: ScorePrompts;
}

/** What one fact is measured to do, on one model. */
export interface FactAnswers {
  readonly text: string;
  /** Of the whole target after the prompt. */
  readonly probability: number;
  /** Whether the target begins the greedy text, after the prompt and after each paraphrase. */
  readonly follows: boolean;
  readonly paraphrases: readonly boolean[];
  /** The greedy texts after neighbours. */
  readonly neighbours: readonly string[];
  /** The same under forced prefixes: the new target against the true one, where there is a true one. */
  readonly forced: {
    readonly follows: boolean;
    readonly paraphrases: readonly boolean[];
    /** Whether the true target is likelier than the new one after each neighbour; undefined without one. */
    readonly neighbours: readonly boolean[] | undefined;
  };
}

/** Tokens of a neighbour's continuation that are compared: as many as the target has, and at least these. */
const LEAST_TOKENS = 4;
/** Tokens beyond the target that are generated, so that a target which is the beginning of a word is told from the word. */
const BEYOND = 2;

export interface AskOptions {
  readonly encoder: FactEncoder;
  readonly isEnd: (token: number) => boolean;
  /** Skip the probabilities, for a quick look. */
  readonly forced?: boolean;
}

/** Asks the model with these values of its edited weights everything about the facts. */
export async function askFacts(
  subject: EditedSubject,
  values: EditedValues,
  facts: readonly ScoredFact[],
  { encoder, isEnd, forced = true }: AskOptions,
): Promise<FactAnswers[]> {
  const asked = facts.flatMap(({ encoded, prompts: { paraphrases, neighbours } }) =>
    [encoded.fact.prompt, ...paraphrases.texts, ...neighbours.texts].map((text) => ({
      text,
      target: encoded.target.length,
    })),
  );
  const most = asked.reduce((longest, { target }) => Math.max(longest, target + BEYOND), LEAST_TOKENS);
  const ids = asked.map(({ text }) => encoder.prompt(text));
  const greedy = await subject.continue(values, ids, { maxTokens: most, isEnd });
  const scores = forced ? await targetScores(subject, values, facts, encoder) : undefined;
  let at = 0;
  return facts.map(({ encoded, prompts }, index): FactAnswers => {
    const { fact, target } = encoded;
    const take = (tokens: number) => {
      const own = at++;
      return { tokens: greedy[own]!, text: encoder.text(ids[own]!, greedy[own]!.slice(0, tokens)) };
    };
    const own = take(target.length + BEYOND);
    const others = prompts.paraphrases.texts.map(() => take(target.length + BEYOND));
    const near = prompts.neighbours.texts.map(() => take(Math.max(LEAST_TOKENS, target.length)));
    const follows = ({ text }: { text: string }) => beginsWithAnswer(text, fact.target_new.trim());
    // Without a true target: every token of the new one is the likeliest, so that greedy decoding writes just these.
    const exact = ({ tokens }: { tokens: readonly number[] }) => target.every((id, i) => tokens[i] === id);
    const score = scores?.[index];
    return {
      ...{ text: own.text, probability: score?.probability ?? 0 },
      ...{ follows: follows(own), paraphrases: others.map(follows), neighbours: near.map(({ text }) => text) },
      forced: {
        follows: score?.follows ?? exact(own),
        paraphrases: score?.paraphrases ?? others.map(exact),
        neighbours: score?.neighbours,
      },
    };
  });
}

interface TargetScores {
  readonly probability: number;
  readonly follows: boolean | undefined;
  readonly paraphrases: readonly boolean[] | undefined;
  readonly neighbours: readonly boolean[] | undefined;
}

/** log p of the new target and the true one after every prompt of each fact. */
async function targetScores(
  subject: EditedSubject,
  values: EditedValues,
  facts: readonly ScoredFact[],
  encoder: FactEncoder,
): Promise<TargetScores[]> {
  const texts: TokenizedExample[] = [];
  const plans = facts.map(({ encoded, prompts }) => {
    const { fact, target } = encoded;
    const ofTrue = fact.target_true === undefined ? undefined : encoder.continuation(fact.prompt, fact.target_true);
    const compared = ofTrue === undefined ? [] : [...prompts.paraphrases.texts, ...prompts.neighbours.texts];
    const add = (text: string, ids: readonly number[]) => texts.push(example(encoder.prompt(text), ids)) - 1;
    return [fact.prompt, ...compared].map((text) => {
      return { made: add(text, target), known: ofTrue === undefined ? undefined : add(text, ofTrue) };
    });
  });
  const scores = await subject.score(values, texts);
  return plans.map((pairs, index): TargetScores => {
    const { prompts } = facts[index]!;
    // As papers do: the mean over a target's tokens, so that a longer one is not the less likely for its length.
    const mean = (at: number) => scores[at]!.logProbability / scores[at]!.tokens;
    const wins = pairs.map(({ made, known }) => (known === undefined ? undefined : mean(made) > mean(known)));
    const [first, ...others] = wins;
    const hasTrue = first !== undefined;
    const count = prompts.paraphrases.texts.length;
    return {
      probability: Math.exp(scores[pairs[0]!.made]!.logProbability),
      follows: first,
      paraphrases: hasTrue ? (others.slice(0, count) as boolean[]) : undefined,
      // Only the caller's neighbours are known to share the true target.
      neighbours: hasTrue && prompts.neighbours.source === "given" ? others.slice(count).map((win) => !win) : undefined,
    };
  });
}

function example(before: readonly number[], target: readonly number[]): TokenizedExample {
  const ids = Int32Array.from([...before, ...target]);
  return { ids, labels: ids.map((id, at) => (at < before.length ? IGNORED_LABEL : id)) };
}

/** Shares of one fact or of many, with their harmonic mean. Facts without an answer count as failed. */
export function sharesOf(
  answers: readonly {
    readonly follows: boolean;
    readonly paraphrases: readonly boolean[];
    readonly neighbours: readonly boolean[];
  }[],
): EditScores {
  const share = (of: readonly boolean[]) => (of.length === 0 ? null : of.filter(Boolean).length / of.length);
  const efficacy = share(answers.map(({ follows }) => follows));
  const paraphrase = share(answers.flatMap(({ paraphrases }) => paraphrases));
  const neighbourhood = share(answers.flatMap(({ neighbours }) => neighbours));
  const asked = [efficacy, paraphrase, neighbourhood].filter((one) => one !== null);
  const harmonic = asked.some((one) => one === 0) ? 0 : asked.length / asked.reduce((sum, one) => sum + 1 / one, 0);
  return { efficacy, paraphrase, neighbourhood, score: asked.length === 0 ? null : harmonic };
}

/** Neighbours that continue as they did. */
export function keptNeighbours(before: FactAnswers, after: FactAnswers): boolean[] {
  return after.neighbours.map((text, i) => text === before.neighbours[i]);
}
