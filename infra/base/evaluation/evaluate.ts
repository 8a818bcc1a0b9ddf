/** The base model's four measures, for any model that can generate greedily. */
import { renderChat } from "../corpus/document.ts";
import { isFactRecalled, isTaskSolved } from "./scoring.ts";
import { heldOutReviewExamples, trainSentimentClassifier } from "./sentiment-classifier.ts";
import { chatProbes, factProbes, sentimentProbes, taskProbes } from "./sets.ts";

export interface GenerateOptions {
  readonly maxTokens: number;
  /** `line`: up to the first newline or `<|endoftext|>`. `turn`: up to `<|im_end|>` or `<|endoftext|>`. */
  readonly stop: "line" | "turn";
}

export interface Generated {
  /** The text after the prompt, without the stop. */
  readonly text: string;
  /** Whether the model stopped by itself before `maxTokens`. */
  readonly stopped: boolean;
}

/** Greedy decoding; special tokens in the prompt are tokenised as such. */
export type Generate = (prompt: string, options: GenerateOptions) => Promise<Generated>;

export interface Tally {
  readonly right: number;
  readonly total: number;
  /** right / total */
  readonly rate: number;
}

export interface Failure {
  readonly prompt: string;
  readonly expected: string;
  readonly got: string;
}

export interface Measure extends Tally {
  /** By relation, task or sentiment; empty if the measure has no groups. */
  readonly groups: Readonly<Record<string, Tally>>;
  readonly failures: readonly Failure[];
}

export interface EvaluationReport {
  readonly facts: Measure;
  readonly tasks: Measure;
  readonly sentiment: Measure;
  readonly chat: Measure;
}

export interface EvaluationProgress {
  readonly measure: keyof EvaluationReport;
  readonly done: number;
  readonly total: number;
}

/** The rates that the model card promises. */
export const REQUIRED_RATES: Readonly<Record<keyof EvaluationReport, number>> = {
  facts: 0.9,
  tasks: 0.8,
  sentiment: 0.95,
  chat: 0.99,
};

export const EVALUATION_SEED = 90210;
const CLASSIFIER_SEED = 4711;
const CLASSIFIER_EXAMPLES = 2000;

interface Trial extends GenerateOptions {
  readonly prompt: string;
  readonly group: string;
  readonly expected: string;
  readonly isRight: (generated: Generated) => boolean;
}

function factTrials(): Trial[] {
  return factProbes().map(({ prompt, answer, relation }) => ({
    prompt,
    group: relation,
    expected: answer,
    maxTokens: 16,
    stop: "line",
    isRight: ({ text }) => isFactRecalled(text, answer),
  }));
}

function taskTrials(seed: number): Trial[] {
  return taskProbes(seed).map(({ messages, answer, task }) => ({
    prompt: renderChat(messages, { generationPrompt: true }),
    group: task,
    expected: answer,
    maxTokens: 48,
    stop: "turn",
    isRight: ({ text, stopped }) => stopped && isTaskSolved(task, text, answer),
  }));
}

function sentimentTrials(seed: number): Trial[] {
  const classifier = trainSentimentClassifier(heldOutReviewExamples(CLASSIFIER_SEED, CLASSIFIER_EXAMPLES));
  return sentimentProbes(seed).map(({ prompt, sentiment }) => ({
    prompt,
    group: sentiment,
    expected: sentiment,
    maxTokens: 48,
    stop: "line",
    // Strict comparison, so that a continuation without any known word is wrong for both sentiments.
    isRight: ({ text }) =>
      sentiment === "positive" ? classifier.positive(text) > 0.5 : classifier.positive(text) < 0.5,
  }));
}

function chatTrials(seed: number): Trial[] {
  return chatProbes(seed).map(({ messages }) => ({
    prompt: renderChat(messages, { generationPrompt: true }),
    group: messages[0]?.role === "system" ? "with system prompt" : "without system prompt",
    expected: "an answer that ends",
    maxTokens: 96,
    stop: "turn",
    isRight: ({ text, stopped }) => stopped && text.trim() !== "",
  }));
}

function tally(right: number, total: number): Tally {
  return { right, total, rate: total === 0 ? 0 : right / total };
}

/** Runs the four measures, one prompt at a time. */
export async function evaluate(
  generate: Generate,
  onProgress: (progress: EvaluationProgress) => void = () => {},
  seed: number = EVALUATION_SEED,
): Promise<EvaluationReport> {
  const run = async (measure: keyof EvaluationReport, trials: readonly Trial[]): Promise<Measure> => {
    const groups = new Map<string, { right: number; total: number }>();
    const failures: Failure[] = [];
    for (const [i, { prompt, group, expected, maxTokens, stop, isRight }] of trials.entries()) {
      const generated = await generate(prompt, { maxTokens, stop });
      const counts = groups.get(group) ?? { right: 0, total: 0 };
      groups.set(group, counts);
      counts.total++;
      if (isRight(generated)) counts.right++;
      else failures.push({ prompt, expected, got: generated.text });
      onProgress({ measure, done: i + 1, total: trials.length });
    }
    return {
      ...tally(trials.length - failures.length, trials.length),
      groups: Object.fromEntries([...groups].map(([name, { right, total }]) => [name, tally(right, total)])),
      failures,
    };
  };
  return {
    facts: await run("facts", factTrials()),
    tasks: await run("tasks", taskTrials(seed)),
    sentiment: await run("sentiment", sentimentTrials(seed)),
    chat: await run("chat", chatTrials(seed)),
  };
}

/** One line for each measure below its required rate. */
export function shortfalls(report: EvaluationReport): string[] {
  return (Object.keys(REQUIRED_RATES) as (keyof EvaluationReport)[])
    .filter((measure) => report[measure].rate < REQUIRED_RATES[measure])
    .map((measure) => {
      const { right, total, rate } = report[measure];
      const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
      return `${measure}: ${right} of ${total} right (${percent(rate)}), required ${percent(REQUIRED_RATES[measure])}`;
    });
}
