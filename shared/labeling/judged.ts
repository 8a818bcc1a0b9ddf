/** The labels of a task as what people said of its texts, which is what lines of preference data are made of. */

import type { KeptPrompt } from "../api/kept-completions.ts";
import type { LabelAnswer, ProjectSettings, TaskText } from "../api/labeling.ts";
import type { JudgedTexts, Judgement } from "../feedback/lines.ts";
import { ranksOf } from "./answers.ts";

export interface LabelledTask {
  readonly id: string;
  readonly project: string;
  readonly prompt: KeptPrompt;
  readonly texts: readonly TaskText[];
  /** Those that count, without skips. */
  readonly labels: readonly LabelledBy[];
}

export interface LabelledBy {
  readonly id: string;
  readonly rater: string;
  readonly answer: LabelAnswer;
  readonly shown: readonly number[];
  readonly selected_by: string;
  readonly created_at: number;
}

/** One for each label, or what all of them come to together: the mean of their ranks, or of their ratings. */
export function judgedTask(
  task: LabelledTask,
  how: "each" | "combined",
  scale: ProjectSettings["rating_scale"],
): JudgedTexts[] {
  const { labels } = task;
  if (labels.length === 0) return [];
  if (how === "each") {
    return labels.map((label) => {
      const { id, rater, shown, selected_by, created_at } = label;
      const from = { ...sourceOf(task), label: id, shown, selected_by, created_at };
      return judged(task, { labels: [label], rater, from, scale });
    });
  }
  const from = { ...sourceOf(task), labels: labels.map(({ id }) => id), raters: labels.map(({ rater }) => rater) };
  return [judged(task, { labels, rater: null, from, scale })];
}

const sourceOf = ({ id, project }: LabelledTask) => ({ source: "labeling", project, task: id });

interface Saying extends Pick<JudgedTexts, "rater" | "from"> {
  readonly labels: readonly LabelledBy[];
  readonly scale: ProjectSettings["rating_scale"];
}

function judged({ prompt, texts }: LabelledTask, { labels, rater, from, scale }: Saying): JudgedTexts {
  const ratings = labels.flatMap(({ answer }) => (answer.type === "rating" ? [answer.value] : []));
  if (ratings.length > 0) {
    const value = ratings.reduce((sum, one) => sum + one, 0) / ratings.length;
    return { judgement: { type: "rating", value, scale }, prompt, answers: texts, rater, from };
  }
  const sums = new Array<number>(texts.length).fill(0);
  for (const { answer } of labels) {
    for (const [index, rank] of ranksOf(answer, texts.length)!.entries()) sums[index]! += rank;
  }
  const order = sums.map((_, index) => index).sort((a, b) => sums[a]! - sums[b]!);
  const ranks = order.map((index) => sums[index]!);
  const isTie = ranks.every((rank) => rank === ranks[0]);
  const judgement: Judgement = isTie ? { type: "tie" } : { type: "ranking", ranks };
  return { judgement, prompt, answers: order.map((index) => texts[index]!), rater, from };
}
