/** What answers mean: whether they fit their task, in which order they put its texts, and which labels they are to statistics. */
import type { Label as StatisticLabel } from "../agreement/label-table.ts";
import type { LabelAnswer, ProjectSettings, TaskType } from "../api/labeling.ts";

interface AnsweredTask {
  readonly type: TaskType;
  /** How many texts it has. */
  readonly texts: number;
}

/** What is wrong with an answer, as a field within it and a demand; undefined where it fits. */
export function answerProblem(
  answer: LabelAnswer,
  { type, texts }: AnsweredTask,
  scale: ProjectSettings["rating_scale"],
): { readonly field: string; readonly demand: string } | undefined {
  const fitting = FITTING[type];
  if (!fitting.includes(answer.type)) {
    return {
      field: "type",
      demand: `must be ${fitting.map((name) => JSON.stringify(name)).join(" or ")} for a ${type} task`,
    };
  }
  if (answer.type === "best" && answer.index >= texts) return { field: "index", demand: `must be below ${texts}` };
  if (answer.type === "rating") {
    const { value } = answer;
    if (Number.isInteger(value) && value >= scale.min && value <= scale.max) return undefined;
    return { field: "value", demand: `must be a whole number from ${scale.min} to ${scale.max}` };
  }
  if (answer.type === "order") {
    const named = answer.order.flat().sort((a, b) => a - b);
    const whole = named.length === texts && named.every((index, at) => index === at);
    if (!whole) return { field: "order", demand: `must name each of the ${texts} texts once` };
  }
  return undefined;
}

const FITTING: Readonly<Record<TaskType, readonly LabelAnswer["type"][]>> = {
  pairwise: ["best", "tie"],
  ranking: ["order", "tie"],
  rating: ["rating"],
};

/** The place of each text from the best, 0; equally good ones share the mean of their places. null for a rating. */
export function ranksOf(answer: LabelAnswer, texts: number): number[] | null {
  if (answer.type === "rating") return null;
  const groups = groupsOf(answer, texts);
  const ranks = new Array<number>(texts).fill(0);
  let place = 0;
  for (const group of groups) {
    for (const index of group) ranks[index] = place + (group.length - 1) / 2;
    place += group.length;
  }
  return ranks;
}

function groupsOf(answer: Exclude<LabelAnswer, { type: "rating" }>, texts: number): number[][] {
  const all = Array.from({ length: texts }, (_, index) => index);
  if (answer.type === "tie") return [all];
  if (answer.type === "best") return [[answer.index], all.filter((index) => index !== answer.index)];
  return answer.order.map((group) => (typeof group === "number" ? [group] : group));
}

/** A label of one unit: a task, or a pair of a task's texts. */
export interface UnitLabel {
  readonly unit: string;
  readonly label: StatisticLabel;
}

/** What an answer says of each unit. The label of a pair is the index of the better text, or `tie`. */
export function unitLabels(task: string, answer: LabelAnswer, texts: number): UnitLabel[] {
  if (answer.type === "rating") return [{ unit: task, label: answer.value }];
  const ranks = ranksOf(answer, texts)!;
  const found: UnitLabel[] = [];
  for (let a = 0; a < texts; a++) {
    for (let b = a + 1; b < texts; b++) {
      const label = ranks[a] === ranks[b] ? "tie" : `text ${ranks[a]! < ranks[b]! ? a : b}`;
      found.push({ unit: texts === 2 ? task : `${task} ${a} ${b}`, label });
    }
  }
  return found;
}

/** Whether the text that was shown first is the only best one; null for a rating, and where several are best. */
export function firstShownWins(answer: LabelAnswer, shown: readonly number[]): boolean | null {
  const ranks = ranksOf(answer, shown.length);
  if (ranks === null) return null;
  const best = Math.min(...ranks);
  return ranks.filter((rank) => rank === best).length > 1 ? null : ranks[shown[0]!] === best;
}

/** Whether two answers say the same, however they are written. */
export function sameAnswer(left: LabelAnswer, right: LabelAnswer, texts: number): boolean {
  if (left.type === "rating" || right.type === "rating") {
    return left.type === right.type && "value" in left && "value" in right && left.value === right.value;
  }
  return JSON.stringify(ranksOf(left, texts)) === JSON.stringify(ranksOf(right, texts));
}
