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

/** Greedy decoding of every prompt; special tokens in a prompt are tokenised as such. */
export type Generate = (prompts: readonly string[], options: GenerateOptions) => Promise<Generated[]>;

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

/** What a measure asks, all with the same options. */
interface Trials {
  readonly options: GenerateOptions;
  readonly trials: readonly Trial[];
}

interface Trial {
  readonly prompt: string;
  readonly group: string;
  readonly expected: string;
  readonly isRight: (generated: Generated) => boolean;
}

function factTrials(): Trials {
  const trials: Trial[] = factProbes().map(({ prompt, answer, relation }) => ({
    prompt,
    group: relation,
    expected: answer,
    isRight: ({ text }) => isFactRecalled(text, answer),
  }));
  return { trials, options: { maxTokens: 16, stop: "line" } };
}

function taskTrials(seed: number): Trials {
  const trials: Trial[] = taskProbes(seed).map(({ messages, answer, task }) => ({
    prompt: renderChat(messages, { generationPrompt: true }),
    group: task,
    expected: answer,
    isRight: ({ text, stopped }) => stopped && isTaskSolved(task, text, answer),
  }));
  return { trials, options: { maxTokens: 48, stop: "turn" } };
}

function sentimentTrials(seed: number): Trials {
  const classifier = trainSentimentClassifier(heldOutReviewExamples(CLASSIFIER_SEED, CLASSIFIER_EXAMPLES));
  const trials: Trial[] = sentimentProbes(seed).map(({ prompt, sentiment }) => ({
    prompt,
    group: sentiment,
    expected: sentiment,
    // Strict comparison, so that a continuation without any known word is wrong for both sentiments.
    isRight: ({ text }) =>
      sentiment === "positive" ? classifier.positive(text) > 0.5 : classifier.positive(text) < 0.5,
  }));
  return { trials, options: { maxTokens: 48, stop: "line" } };
}

function chatTrials(seed: number): Trials {
  const trials: Trial[] = chatProbes(seed).map(({ messages }) => ({
    prompt: renderChat(messages, { generationPrompt: true }),
    group: messages[0]?.role === "system" ? "with system prompt" : "without system prompt",
    expected: "an answer that ends",
    isRight: ({ text, stopped }) => stopped && text.trim() !== "",
  }));
  return { trials, options: { maxTokens: 96, stop: "turn" } };
}

function tally(right: number, total: number): Tally {
  return { right, total, rate: total === 0 ? 0 : right / total };
}

/** Prompts that are sent together, between two reports of progress. */
const PROMPTS = 64;

/** Runs the four measures, one after the other. */
export async function evaluate(
  generate: Generate,
  onProgress: (progress: EvaluationProgress) => void = () => {},
  seed: number = EVALUATION_SEED,
): Promise<EvaluationReport> {
  const run = async (measure: keyof EvaluationReport, { trials, options }: Trials): Promise<Measure> => {
    const groups = new Map<string, { right: number; total: number }>();
    const failures: Failure[] = [];
    for (let at = 0; at < trials.length; at += PROMPTS) {
      const asked = trials.slice(at, at + PROMPTS);
      const prompts = asked.map(({ prompt }) => prompt);
      const answers = await generate(prompts, options);
      for (const [i, { prompt, group, expected, isRight }] of asked.entries()) {
        const counts = groups.get(group) ?? { right: 0, total: 0 };
        groups.set(group, counts);
        counts.total++;
        if (isRight(answers[i]!)) counts.right++;
        else failures.push({ prompt, expected, got: answers[i]!.text });
      }
      onProgress({ measure, done: at + asked.length, total: trials.length });
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
