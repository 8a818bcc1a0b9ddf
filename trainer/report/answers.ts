/** What one model answers to a report's questions. */
import { messageOf } from "../../shared/errors.ts";
import { ANSWER_TOKENS, type Questions } from "./questions.ts";
import type { Reply, Subject } from "./subject.ts";

/** The parts of a report for which models are asked. */
export const ASKED_PARTS = [
  "replies",
  "pairs",
  "completions",
  "fidelity",
  "facts",
  "tasks",
  "base_loss",
  "styles",
] as const;
export type AskedPart = (typeof ASKED_PARTS)[number];

/** A part is absent where nothing was asked or asking failed. */
export interface Answers {
  /** By prompt. */
  readonly replies?: readonly (readonly Reply[])[];
  /** log p of the better completions and the worse ones, by token. */
  readonly pairs?: readonly (readonly [chosen: Float32Array, rejected: Float32Array])[];
  /** log p of each completion. */
  readonly completions?: readonly number[];
  readonly fidelity?: readonly string[];
  readonly facts?: readonly string[];
  readonly tasks?: readonly Reply[];
  /** −log p a token of each text, on average. */
  readonly base_loss?: readonly number[];
  /** By style. */
  readonly styles?: readonly (readonly string[])[];
  /** Why a part that was asked is absent. */
  readonly failed: ReadonlyMap<AskedPart, string>;
}

/** Asks a model everything. One part that fails leaves the others; what `progress` throws ends it all. */
export async function askAll(
  subject: Subject,
  questions: Questions,
  progress: (part: AskedPart) => void,
): Promise<Answers> {
  const failed = new Map<AskedPart, string>();
  const answers: { -readonly [Part in keyof Answers]?: Answers[Part] } = {};
  async function part<Part extends AskedPart>(name: Part, count: number, ask: () => Promise<Answers[Part]>) {
    if (count === 0) return;
    progress(name);
    try {
      answers[name] = await ask();
    } catch (error) {
      failed.set(name, messageOf(error));
    }
  }
  const { prompts, samples, maxTokens, pairs, completions, instructions, facts, tasks, texts, styles } = questions;
  const idsOf = (asked: readonly { readonly ids: Int32Array }[]) => asked.map(({ ids }) => ids);
  const greedy = async (ids: readonly Int32Array[], most: number, line = false) =>
    (await subject.reply(ids, { maxTokens: most, temperature: 0, line })).map(([only]) => only!);
  await part("replies", prompts.length, () => subject.reply(idsOf(prompts), { maxTokens, temperature: 1, samples }));
  await part("pairs", pairs.length, async () => {
    const scores = await subject.logProbabilities(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]));
    return pairs.map((_, index) => [scores[2 * index]!, scores[2 * index + 1]!] as const);
  });
  await part("completions", completions.length, async () => {
    const scores = await subject.logProbabilities(completions.map(({ example }) => example));
    return scores.map((logprobs) => logprobs.reduce((sum, one) => sum + one, 0));
  });
  await part("fidelity", instructions.length, async () =>
    (await greedy(idsOf(instructions), maxTokens)).map(({ text }) => text),
  );
  await part("facts", facts.length, async () =>
    (await greedy(idsOf(facts), ANSWER_TOKENS.fact, true)).map(({ text }) => text),
  );
  await part("tasks", tasks.length, () => greedy(idsOf(tasks), ANSWER_TOKENS.task));
  await part("base_loss", texts.length, async () => {
    const scores = await subject.logProbabilities(texts);
    return scores.map((logprobs) => -logprobs.reduce((sum, one) => sum + one, 0) / (logprobs.length - 1));
  });
  await part("styles", styles.flatMap(({ prompts }) => prompts).length, async () => {
    const texts: string[][] = [];
    for (const { prompts } of styles) {
      texts.push((await greedy(prompts, ANSWER_TOKENS.style, true)).map(({ text }) => text));
    }
    return texts;
  });
  return { ...answers, failed };
}
