/** Measures two models and writes the report. */
import { type JobReport, REPORT_HTML, REPORT_JSON } from "../../shared/api/job-report.ts";
import { messageOf } from "../../shared/errors.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { renderReport } from "../../shared/report/html.ts";
import type { TokenizedExample } from "../data/units.ts";
import type { ScoredReply } from "../rewards/reward-source.ts";
import { type Answers, type AskedPart, askAll } from "./answers.ts";
import { buildReport, type Measured, type ReportedJob } from "./build-report.ts";
import type { Judge } from "./judge.ts";
import type { Questions, ReportPrompt } from "./questions.ts";
import { stepSeries } from "./step-series.ts";
import type { Reply, Subject } from "./subject.ts";
import type { JudgedReplies } from "./win-rate.ts";

export interface MeasureOptions extends Omit<Measured, "before" | "after" | "startLogprobs" | "judged"> {
  /** Opens the tuned model, or the one that it started from. One of them is open at a time. */
  readonly open: (which: "tuned" | "start") => Promise<Subject>;
  /** Absent where nothing may judge; `missing` says why. */
  readonly judge?: Judge | undefined;
  /** Called before each part; what it throws ends the measurement. */
  readonly progress: (part: AskedPart | "judge") => void;
}

/** @throws what `open` and `progress` throw; anything else is a part that the report says to be missing */
export async function measureReport(options: MeasureOptions): Promise<JobReport> {
  const { open, judge, questions, progress, missing: given, ...rest } = options;
  const missing = [...given];
  const ask = async <T>(which: "tuned" | "start", then: (subject: Subject, answers: Answers) => Promise<T>) => {
    const subject = await open(which);
    try {
      return await then(subject, await askAll(subject, questions, progress));
    } finally {
      await subject.close();
    }
  };
  const after = await ask("tuned", async (_, answers) => answers);
  const { before, startLogprobs } = await ask("start", async (subject, answers) => {
    if (after.replies === undefined) return { before: answers, startLogprobs: undefined };
    try {
      const logprobs = await logprobsUnder(subject, questions.prompts, after.replies);
      return { before: answers, startLogprobs: logprobs };
    } catch (error) {
      missing.push({ part: "divergence", reason: messageOf(error) });
      return { before: answers, startLogprobs: undefined };
    }
  });
  let judged: JudgedReplies | undefined;
  if (judge !== undefined && before.replies !== undefined && after.replies !== undefined) {
    progress("judge");
    try {
      judged = await judgedBy(judge, questions.prompts, { before: before.replies, after: after.replies });
    } catch (error) {
      missing.push({ part: "win_rate", reason: `${judge.name} did not judge: ${messageOf(error)}` });
    }
  }
  return buildReport({ ...rest, questions, before, after, startLogprobs, judged, missing });
}

/** The report of a model that writes no replies, such as a reward model: what its steps and its validation file say. */
export function reportWithoutReplies(job: ReportedJob, steps: Measured["steps"]): JobReport {
  return {
    object: "fine_tuning.job.report",
    version: 1,
    ...job,
    budget: null,
    ...{ preference_accuracy: null, completions: null, win_rate: null, divergence: null, fidelity: null },
    ...{ facts: null, tasks: null, base_loss: null, styles: [], texts: null, samples: [], missing: [] },
    steps: stepSeries(steps),
  };
}

/** The two files of a report. */
export function reportFiles(report: JobReport): { readonly name: string; readonly bytes: Uint8Array }[] {
  const encode = (text: string) => new TextEncoder().encode(text);
  return [
    { name: REPORT_JSON, bytes: encode(`${JSON.stringify(report, null, 2)}\n`) },
    { name: REPORT_HTML, bytes: encode(renderReport(report)) },
  ];
}

async function logprobsUnder(
  subject: Subject,
  prompts: readonly ReportPrompt[],
  replies: readonly (readonly Reply[])[],
): Promise<number[][][]> {
  const examples = replies.flatMap((ofPrompt, p) => ofPrompt.map(({ tokens }) => answered(prompts[p]!.ids, tokens)));
  const scores = await subject.logProbabilities(examples);
  let next = 0;
  return replies.map((ofPrompt, p) => ofPrompt.map(() => [...scores[next++]!.subarray(prompts[p]!.ids.length)]));
}

function answered(prompt: Int32Array, reply: readonly number[]): TokenizedExample {
  return {
    ids: Int32Array.from([...prompt, ...reply]),
    labels: Int32Array.from([...prompt.map(() => IGNORED_LABEL), ...reply]),
  };
}

type Replies = readonly (readonly Reply[])[];

async function judgedBy(
  judge: Judge,
  prompts: Questions["prompts"],
  { before, after }: { readonly before: Replies; readonly after: Replies },
): Promise<JudgedReplies> {
  const scored = (replies: Replies) =>
    replies.flatMap((ofPrompt, p) =>
      ofPrompt.map(({ tokens, text, ended }): ScoredReply => {
        const { ids, item } = prompts[p]!;
        return { prompt: ids, reply: Int32Array.from(tokens), text, ended, item };
      }),
    );
  const all = await judge.score([...scored(before), ...scored(after)]);
  let next = 0;
  const take = (replies: Replies) => replies.map((ofPrompt) => ofPrompt.map(() => all[next++]!));
  const ofStart = take(before);
  return { judge, before: ofStart, after: take(after) };
}
