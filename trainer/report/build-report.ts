/** From what both models answered to the report. Pure, but for what the judge does. */
import type { JobReport, ReportAnswers, ReportCompared, TextFacts } from "../../shared/api/job-report.ts";
import { beginsWithAnswer, isAnswer, isSameJson } from "../../shared/evaluation/answers.ts";
import { divergenceOf } from "../../shared/evaluation/divergence.ts";
import { fidelityOf } from "../../shared/evaluation/fidelity.ts";
import {
  type Clusters,
  changeOf,
  independentOf,
  meanOf,
  shareChangeOf,
  shareOf,
} from "../../shared/evaluation/intervals.ts";
import { highProbability } from "../../shared/evaluation/word-classifier.ts";
import { distinctShare, repetitionRate } from "../../shared/sweep/text-statistics.ts";
import type { TokenizedExample } from "../data/units.ts";
import type { Answers, AskedPart } from "./answers.ts";
import type { Questions } from "./questions.ts";
import { type StepData, stepSeries } from "./step-series.ts";
import type { Reply } from "./subject.ts";
import { type JudgedReplies, winRateOf } from "./win-rate.ts";

/** What a report says of its job besides its measurements. */
export type ReportedJob = Pick<
  JobReport,
  | "type"
  | "base"
  | "created_at"
  | "seed"
  | "training_file"
  | "validation_file"
  | "steps_trained"
  | "continues"
  | "validation"
  | "calibration"
>;

export interface Measured {
  readonly job: ReportedJob;
  readonly questions: Questions;
  readonly heldOut: boolean;
  readonly before: Answers;
  readonly after: Answers;
  /** log p of the tokens of the tuned model's replies under the starting one, by prompt and sample; absent if that failed. */
  readonly startLogprobs?: readonly (readonly (readonly number[])[])[] | undefined;
  /** Absent without a judge, or where judging failed. */
  readonly judged?: JudgedReplies | undefined;
  readonly steps: readonly StepData[];
  /** What could not be measured, besides the parts that `before` and `after` know to have failed. */
  readonly missing: JobReport["missing"];
}

/** Prompts whose replies are shown side by side, and the characters that are shown of a text. */
const SHOWN_SAMPLES = 8;
const SHOWN_CHARACTERS = 2_000;

export function buildReport(measured: Measured): JobReport {
  const { job, questions, heldOut, before, after, judged } = measured;
  const missing = [...measured.missing];
  /** Notes what is missing. */
  function part<T>(name: AskedPart, count: number, nothing: string, measure: () => T): T | null {
    const reason = before.failed.get(name) ?? after.failed.get(name);
    if (count === 0) missing.push({ part: name, reason: nothing });
    else if (reason !== undefined) missing.push({ part: name, reason });
    else return measure();
    return null;
  }
  const noProbes = (what: string) =>
    `the base's folder has no evaluation.json with ${what}, or all of them were trained on or are too long for the model`;
  const { prompts, pairs, completions, instructions, facts, tasks, texts, styles } = questions;

  const replies = part("replies", prompts.length, "no prompt leaves room for a reply", () => ({
    before: before.replies!,
    after: after.replies!,
  }));
  const preferenceAccuracy =
    pairs.length === 0 ? null : part("pairs", pairs.length, "", () => preferenceAccuracyOf(questions, before, after));
  const completionScores =
    completions.length === 0
      ? null
      : part("completions", completions.length, "", () => completionsOf(questions, before, after));
  const fidelity = part(
    "fidelity",
    instructions.length,
    "the model has no chat template, or its context is too short",
    () => ({
      prompts: questions.instructionsFrom,
      before: fidelityOf(
        instructions.map(({ of }) => of),
        before.fidelity!,
      ),
      after: fidelityOf(
        instructions.map(({ of }) => of),
        after.fidelity!,
      ),
    }),
  );
  const factAnswers = part("facts", facts.length, noProbes("facts"), () => {
    const right = (answers: readonly string[]) => facts.map(({ of }, i) => beginsWithAnswer(answers[i]!, of.answer));
    return answersOf(right(before.facts!), right(after.facts!), []);
  });
  const taskAnswers = part("tasks", tasks.length, noProbes("tasks"), () => {
    const right = (answers: readonly Reply[]) =>
      tasks.map(({ of: { match, answer } }, i) => {
        const { text, ended } = answers[i]!;
        return ended && (match === "json" ? isSameJson(text, answer) : isAnswer(text, answer));
      });
    return answersOf(
      right(before.tasks!),
      right(after.tasks!),
      tasks.map(({ of }) => of.task),
    );
  });
  const baseLoss = part("base_loss", texts.length, noProbes("texts"), () =>
    comparedMeans(before.base_loss!, after.base_loss!),
  );
  const probed = styles.flatMap(({ prompts }) => prompts).length;
  if (styles.length === 0) missing.push({ part: "styles", reason: noProbes("styles") });
  const probes = styles.length === 0 ? null : part("styles", probed, noProbes("prompts for its styles"), () => true);
  const divergence = replies === null ? null : divergenceBetween(replies.after, measured.startLogprobs);

  return {
    object: "fine_tuning.job.report",
    version: 1,
    ...job,
    budget: {
      prompts: prompts.length,
      samples: questions.samples,
      max_tokens: questions.maxTokens,
      held_out: heldOut,
    },
    preference_accuracy: preferenceAccuracy,
    completions: completionScores,
    win_rate: replies === null || judged === undefined ? null : winRateOf(judged, replies),
    divergence,
    fidelity,
    facts: factAnswers,
    tasks: taskAnswers,
    base_loss: baseLoss,
    styles: styles.map(({ style }, s) => {
      let undecided = 0;
      const high = (text: string) => {
        const probability = highProbability(style.classifier, text);
        if (probability === null || probability === 0.5) undecided += 1;
        return probability === null || probability === 0.5 ? 0.5 : probability > 0.5 ? 1 : 0;
      };
      const share = (one: readonly string[], other: readonly string[], prompts?: Clusters) =>
        comparedShares(one.map(high), other.map(high), prompts);
      const ofProbes =
        probes === null || before.styles![s]!.length === 0 ? null : share(before.styles![s]!, after.styles![s]!);
      const ofReplies =
        replies === null ? null : share(textsOf(replies.before), textsOf(replies.after), promptsOf(replies.after));
      const { name, high: highName, low } = style;
      return { name, high: highName, low, probes: ofProbes, replies: ofReplies, undecided };
    }),
    texts: replies && { before: textFacts(replies.before), after: textFacts(replies.after) },
    steps: stepSeries(measured.steps),
    samples:
      replies === null
        ? []
        : prompts.slice(0, SHOWN_SAMPLES).map(({ text }, p) => ({
            prompt: shortened(text),
            before: shortened(replies.before[p]![0]!.text),
            after: shortened(replies.after[p]![0]!.text),
            score_before: scoreOf(judged?.before[p]?.[0]),
            score_after: scoreOf(judged?.after[p]?.[0]),
          })),
    missing,
  };
}

function scoreOf(judged: { readonly reward: number; readonly flaw?: string } | undefined): number | null {
  return judged === undefined || judged.flaw !== undefined || !Number.isFinite(judged.reward) ? null : judged.reward;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function share(values: readonly number[], prompts?: Clusters) {
  return shareOf(sum(values), values.length, prompts && independentOf(prompts));
}

function comparedMeans(before: readonly number[], after: readonly number[], prompts?: Clusters): ReportCompared {
  return { before: meanOf(before, prompts), after: meanOf(after, prompts), change: changeOf(before, after, prompts) };
}

/** Of items that are right (1), wrong (0) or in between. */
function comparedShares(before: readonly number[], after: readonly number[], prompts?: Clusters): ReportCompared {
  return {
    before: share(before, prompts),
    after: share(after, prompts),
    change: shareChangeOf(before, after, prompts),
  };
}

/** What stands before the first token that is scored. */
function promptKey({ ids, labels }: TokenizedExample): string {
  return ids
    .subarray(
      0,
      labels.findIndex((label) => label >= 0),
    )
    .join(" ");
}

/** The prompt of each reply. */
function promptsOf(replies: readonly (readonly Reply[])[]): number[] {
  return replies.flatMap((ofPrompt, p) => ofPrompt.map(() => p));
}

function answersOf(before: readonly boolean[], after: readonly boolean[], groups: readonly string[]): ReportAnswers {
  const names = [...new Set(groups)].sort();
  const right = (answers: readonly boolean[], name: string) =>
    answers.filter((is, i) => is && groups[i] === name).length;
  return {
    ...comparedShares(before.map(Number), after.map(Number)),
    groups: names.map((name) => ({
      name,
      n: groups.filter((group) => group === name).length,
      before: right(before, name),
      after: right(after, name),
    })),
  };
}

function preferenceAccuracyOf({ pairs }: Questions, before: Answers, after: Answers): JobReport["preference_accuracy"] {
  const tokens = pairs.map(({ chosen, rejected }) => [trainedOf(chosen.labels), trainedOf(rejected.labels)] as const);
  const prompts = pairs.map(({ chosen }) => promptKey(chosen));
  const half = (difference: number) => (difference === 0 ? 0.5 : difference > 0 ? 1 : 0);
  const right = (answers: Answers, perToken: boolean) =>
    answers.pairs!.map(([chosen, rejected], i) => {
      const [c, r] = perToken ? tokens[i]! : [1, 1];
      return half(sum(chosen) / c - sum(rejected) / r);
    });
  const gained = pairs.map((_, i) => {
    const margin = ({ pairs: scores }: Answers) => sum(scores![i]![0]) - sum(scores![i]![1]);
    return half(margin(after) - margin(before));
  });
  return {
    pairs: pairs.length,
    summed: comparedShares(right(before, false), right(after, false), prompts),
    per_token: comparedShares(right(before, true), right(after, true), prompts),
    implicit: share(gained, prompts),
    longer: share(
      tokens.map(([chosen, rejected]) => half(chosen - rejected)),
      prompts,
    ),
  };
}

function completionsOf({ completions }: Questions, before: Answers, after: Answers): JobReport["completions"] {
  const of = (wanted: boolean) => {
    const chosen = <T>(all: readonly T[]) => all.filter((_, i) => completions[i]!.desirable === wanted);
    const prompts = chosen(completions).map(({ example }) => promptKey(example));
    return comparedMeans(chosen(before.completions!), chosen(after.completions!), prompts);
  };
  return { desirable: of(true), undesirable: of(false) };
}

function trainedOf(labels: Int32Array): number {
  return labels.reduce((count, label) => count + (label < 0 ? 0 : 1), 0);
}

function divergenceBetween(
  replies: readonly (readonly Reply[])[],
  start: Measured["startLogprobs"],
): JobReport["divergence"] {
  if (start === undefined) return null;
  const found = divergenceOf(
    replies.flatMap((ofPrompt, p) => ofPrompt.map(({ logprobs }, s) => ({ tuned: logprobs, start: start[p]![s]! }))),
    promptsOf(replies),
  );
  return found && { k1: found.k1, k3: found.k3, per_token: found.perToken };
}

function textsOf(replies: readonly (readonly Reply[])[]): string[] {
  return replies.flat().map(({ text }) => text);
}

function textFacts(replies: readonly (readonly Reply[])[]): TextFacts {
  const [all, prompts] = [replies.flat(), promptsOf(replies)];
  const tokens = all.map(({ tokens, ended }) => (ended ? tokens.slice(0, -1) : tokens));
  return {
    replies: all.length,
    tokens: meanOf(
      tokens.map(({ length }) => length),
      prompts,
    ),
    characters: meanOf(
      all.map(({ text }) => text.length),
      prompts,
    ),
    ended: share(
      all.map(({ ended }) => Number(ended)),
      prompts,
    ),
    distinct_1: distinctShare(tokens, 1),
    distinct_2: distinctShare(tokens, 2),
    distinct_3: distinctShare(tokens, 3),
    repetition: repetitionRate(tokens, 4),
  };
}

function shortened(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
