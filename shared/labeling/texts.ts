/** The texts of one prompt as tasks: what is the same counts once, and what is left is put together. */
import type { ProjectSettings, TaskText } from "../api/labeling.ts";
import type { Random } from "../random.ts";

/** A sampled text. */
export interface SampledText extends TaskText {
  /** The place of what made it among the sources. */
  readonly source: number;
  /** The mean log-probability of its tokens under what made it; null where that is unknown. */
  readonly logprob: number | null;
}

/** A text without what does not show: NFC, white space runs as one space, none around it. */
export function normalised(text: string): string {
  return text.normalize("NFC").replace(/\s+/gu, " ").trim();
}

export interface UniqueTexts<T> {
  readonly texts: readonly T[];
  readonly duplicates: number;
  readonly empty: number;
}

/** The first of each text that is the same after normalisation; empty ones are left out. */
export function uniqueTexts<T extends Pick<TaskText, "message">>(texts: readonly T[]): UniqueTexts<T> {
  const seen = new Map<string, T>();
  let empty = 0;
  for (const text of texts) {
    const { content, tool_calls: calls } = text.message;
    const key = normalised(content) + (calls === undefined ? "" : JSON.stringify(calls));
    if (key === "") empty += 1;
    else if (!seen.has(key)) seen.set(key, text);
  }
  return { texts: [...seen.values()], duplicates: texts.length - empty - seen.size, empty };
}

type Grouping = Pick<ProjectSettings, "task" | "texts_per_task" | "tasks_per_prompt">;

/**
 * Groups of texts, each the texts of one task in a random order. Pairs of different sources come before pairs of one; rankings take
 * the sources in turn. Empty where there are too few texts to compare.
 */
export function groupTexts<T extends Pick<SampledText, "source">>(
  texts: readonly T[],
  { task, texts_per_task: size, tasks_per_prompt: most }: Grouping,
  random: Random,
): T[][] {
  const mixed = shuffled(texts, random);
  if (task === "rating") return mixed.slice(0, most).map((text) => [text]);
  if (mixed.length < 2) return [];
  if (task === "pairwise") {
    const pairs = mixed.flatMap((first, at) => mixed.slice(at + 1).map((second) => [first, second]));
    const across = (pair: readonly T[]) => (pair[0]!.source === pair[1]!.source ? 1 : 0);
    return shuffled(pairs, random)
      .sort((a, b) => across(a) - across(b))
      .slice(0, most)
      .map((pair) => shuffled(pair, random));
  }
  const groups: T[][] = [];
  const inTurn = bySourceInTurn(mixed);
  for (let at = 0; at < inTurn.length && groups.length < most; at += size) {
    const group = inTurn.slice(at, at + size);
    if (group.length >= 2) groups.push(shuffled(group, random));
  }
  return groups;
}

function bySourceInTurn<T extends Pick<SampledText, "source">>(texts: readonly T[]): T[] {
  const turns = new Map<number, number>();
  const placed = texts.map((text) => {
    const turn = turns.get(text.source) ?? 0;
    turns.set(text.source, turn + 1);
    return { text, turn };
  });
  return placed.sort((a, b) => a.turn - b.turn).map(({ text }) => text);
}

export function shuffled<T>(items: readonly T[], random: Random): T[] {
  return [...random.permutation(items.length)].map((at) => items[at]!);
}
