/** Who criticises, revises and labels: the model that the job starts from, a model over the API, or a grader. */
import { TrimtabError } from "../../../shared/errors.ts";
import type { Question } from "../../../shared/graders/kind.ts";
import { type Grader, grade } from "../../../shared/graders/registry.ts";
import { observe } from "../../../shared/graders/render.ts";
import { createRandom } from "../../../shared/random.ts";
import type { RecipeContext } from "../recipe.ts";
import { LABELS, type Turns } from "./requests.ts";
import type { StartingModel } from "./starting-model.ts";

/** A value, or what was wrong with the answer. */
export type Judged<T> = { readonly value: T } | { readonly problem: string };

export const problemOf = (judged: Judged<unknown>): string | undefined =>
  "problem" in judged ? judged.problem : undefined;

/** A model that answers requests. The same requests and seed give the same answers, as far as the model itself does. */
export interface ModelJudge {
  /** A text for each request. `whole` asks for texts that were not cut. */
  write(
    requests: readonly Turns[],
    options: { readonly seed: number; readonly whole: boolean },
  ): Promise<Judged<string>[]>;
  /** The probability of the first of `LABELS` for each request, the two being all there is. */
  label(requests: readonly Turns[]): Promise<Judged<number>[]>;
}

export interface WritingOptions {
  readonly temperature: number;
  readonly topP: number;
  readonly maxTokens: number;
}

/** The job's own model. Labels are read off the probabilities of the two answers. */
export function ownJudge(model: StartingModel, { temperature, topP, maxTokens }: WritingOptions): ModelJudge {
  return {
    async write(requests, { seed, whole }) {
      const sampling = { samples: 1, maxTokens, temperature, topP, seed };
      const written = await model.write(
        requests.map((prompt) => ({ prompt })),
        sampling,
      );
      return written.map(([text]) => {
        if (text === undefined) return { problem: NO_ROOM };
        return whole && !text.ended ? { problem: cut(maxTokens) } : readText(text.text);
      });
    },
    async label(requests) {
      const scores = await model.logProbabilities(
        requests.map((prompt) => ({ prompt })),
        LABELS,
      );
      return scores.map((both) => {
        if (both === null) return { problem: NO_ROOM };
        // p(A) / (p(A) + p(B))
        const value = 1 / (1 + Math.exp(both[1]! - both[0]!));
        return Number.isFinite(value) ? { value } : { problem: "the probabilities of the labels are not finite" };
      });
    },
  };
}

const NO_ROOM = "the request leaves no room for an answer in the model's context";
const cut = (maxTokens: number) => `the text was cut at ${maxTokens} tokens`;
const readText = (text: string): Judged<string> =>
  text.trim() === "" ? { problem: "the answer was empty" } : { value: text.trim() };

/** Requests to the API that wait for an answer at the same time. */
const AT_ONCE = 4;

/** Asks, where a question that is too long for the model is one that it cannot answer. */
const asFarAsItFits = (ask: RecipeContext["ask"]): RecipeContext["ask"] => {
  return async (question) => {
    try {
      return await ask(question);
    } catch (error) {
      if (error instanceof TrimtabError && error.code === "context_length_exceeded") return { failure: error.message };
      throw error;
    }
  };
};

/** A model of the API. It says its label, so its probability is 0 or 1. */
export function remoteJudge(
  ask: RecipeContext["ask"],
  { model, at, temperature, topP, maxTokens }: WritingOptions & { readonly model: string; readonly at: string },
): ModelJudge {
  const asked = (questions: readonly Question[]) => inTurns(questions, asFarAsItFits(ask));
  return {
    async write(requests, { seed, whole }) {
      const answers = await asked(
        requests.map((messages, i) => {
          const own = createRandom(seed, "question", i).uint32() >>> 1;
          return { model, messages, at, sampling: { temperature, topP, seed: own, maxTokens } };
        }),
      );
      return answers.map((answer): Judged<string> => {
        if ("failure" in answer) return { problem: answer.failure };
        if (whole && answer.usage.completion_tokens >= maxTokens) return { problem: cut(maxTokens) };
        return readText(answer.text);
      });
    },
    async label(requests) {
      const rule = { spec: { choice: LABELS }, param: at };
      const answers = await asked(
        requests.map((messages) => ({ model, messages, at, sampling: { temperature: 0 }, rule })),
      );
      return answers.map((answer): Judged<number> => {
        if ("failure" in answer) return { problem: answer.failure };
        const at = (LABELS as readonly string[]).indexOf(answer.text.trim());
        if (at < 0) return { problem: `the answer was ${JSON.stringify(answer.text.slice(0, 80))}, not A or B` };
        return { value: 1 - at };
      });
    },
  };
}

/** A reply to score: with the line that it answers, and the principle by which. */
export interface Scored {
  readonly text: string;
  readonly item: Readonly<Record<string, unknown>>;
  readonly principle: string;
}

export type Score = (replies: readonly Scored[]) => Promise<Judged<number>[]>;

/** Scores by a grader. Templates find the principle as `{{item.principle}}`, beside the line's own fields. */
export function graderScore(grader: Grader, at: string, ask: RecipeContext["ask"]): Score {
  return (replies) =>
    inTurns(replies, async ({ text, item, principle }): Promise<Judged<number>> => {
      const observation = observe(text, { ...item, principle });
      const { score, flaw } = await grade(grader, { observation, at, ask: asFarAsItFits(ask) });
      if (flaw === undefined) return { value: score };
      const { model_grader_server_error_details: details, ...flags } = flaw;
      const named = Object.entries(flags).flatMap(([name, set]) => (set ? [name] : []));
      return { problem: details ?? (named.join(", ") || "the grader told nothing") };
    });
}

/** The results in order, a few at a time. */
async function inTurns<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(all.length);
  let next = 0;
  async function goOn(): Promise<void> {
    for (let i = next++; i < all.length; i = next++) results[i] = await work(all[i]!);
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, goOn));
  return results;
}

/** Throws `invalid_request` once more of a judge's answers are unusable than may be of all that are expected. */
export function requireReadable(
  {
    answers,
    unreadable,
    first,
  }: { readonly answers: number; readonly unreadable: number; readonly first?: string | undefined },
  { share, param, isLast }: { readonly share: number; readonly param: string; readonly isLast: boolean },
): void {
  const few = answers < FEWEST && !isLast;
  if (few || unreadable <= share * answers) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\`: ${unreadable} of ${answers} answers of the judge were unusable, and at most a share of ${share} may be (max_unreadable). The first: ${first ?? "unknown"}.`,
    { param },
  );
}

/** Answers before a share of them says anything. */
const FEWEST = 20;
