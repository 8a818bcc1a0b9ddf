/** What a model is asked when it labels as people do, and what its answers come to. */
import type { KeptPrompt } from "../api/kept-completions.ts";
import type { LabelAnswer, ProjectSettings, TaskType } from "../api/labeling.ts";

/** One text to rate, or two to compare. */
export interface JudgedTaskTexts {
  readonly prompt: KeptPrompt;
  readonly texts: readonly string[];
}

export interface JudgeQuestion {
  readonly messages: readonly { readonly role: "user"; readonly content: string }[];
  /** What the answer is held to. */
  readonly choices: readonly string[];
}

/** The question: the guidelines, the prompt, the texts, and what to answer. */
export function judgeQuestion(
  { prompt, texts }: JudgedTaskTexts,
  { guidelines, rating_scale: scale }: Pick<ProjectSettings, "guidelines" | "rating_scale">,
): JudgeQuestion {
  const parts = guidelines.trim() === "" ? [] : [`Guidelines:\n${guidelines.trim()}`];
  parts.push(`Prompt:\n${promptText(prompt)}`);
  if (texts.length === 1) {
    const choices = Array.from({ length: scale.max - scale.min + 1 }, (_, at) => String(scale.min + at));
    parts.push(
      `Answer:\n${texts[0]}`,
      `How good is the answer, from ${scale.min} (worst) to ${scale.max} (best)? Say the number.`,
    );
    return { messages: [{ role: "user", content: parts.join("\n\n") }], choices };
  }
  parts.push(`Answer A:\n${texts[0]}`, `Answer B:\n${texts[1]}`, "Which answer is better? Say A, B or tie.");
  return { messages: [{ role: "user", content: parts.join("\n\n") }], choices: ["A", "B", "tie"] };
}

function promptText(prompt: KeptPrompt): string {
  if ("text" in prompt) return prompt.text;
  return prompt.messages.map(({ role, content }) => `${role}: ${String(content ?? "")}`).join("\n");
}

/**
 * The order of a task's texts by how many others each beats, ties counting half for both (Copeland).
 *
 * @param wins the better of each two texts; null where neither is
 */
export function judgeOrder(
  type: TaskType,
  texts: number,
  wins: readonly (readonly [winner: number | null, a: number, b: number])[],
): LabelAnswer {
  const points = new Array<number>(texts).fill(0);
  for (const [winner, a, b] of wins) {
    if (winner === null) {
      points[a]! += 0.5;
      points[b]! += 0.5;
    } else points[winner]! += 1;
  }
  const levels = [...new Set(points)].sort((a, b) => b - a);
  if (levels.length === 1) return { type: "tie" };
  const groups = levels.map((level) => points.flatMap((value, index) => (value === level ? [index] : [])));
  if (type === "pairwise") return { type: "best", index: groups[0]![0]! };
  return { type: "order", order: groups.map((group) => (group.length === 1 ? group[0]! : group)) };
}
