/** What a model is asked for: by examples to continue, as base models can, or in words. Pure functions. */
import type { Random } from "../random.ts";

/** An example that is shown. */
export interface Shot {
  readonly instruction: string;
  readonly output: string;
}

export interface Templates {
  readonly intro: string;
  readonly task: string;
  readonly answer: string;
}

/** A text to continue, or what a user says. */
export type Asked = { readonly text: string } | { readonly user: string };

/** What an instruction is rewritten to, after Evol-Instruct (Xu et al., 2023). `shots` show it to models that only continue. */
export const EVOLUTIONS = {
  deepen: {
    ask: "Rewrite the task so that it asks for more depth: for reasons, or for several steps.",
    shots: [
      ["Name a river in France.", "Name a river in France and say why people settled along it."],
      ["What is 3 + 4?", "What is 3 + 4, and what is left if 2 is taken away?"],
    ],
  },
  constrain: {
    ask: "Rewrite the task so that it has one more condition that the answer must keep.",
    shots: [
      ["Write a sentence about rain.", "Write a sentence about rain in at most eight words."],
      ["List three animals.", "List three animals that live in the sea."],
    ],
  },
  concretise: {
    ask: "Rewrite the task so that general words become particular ones.",
    shots: [
      ["Describe a city.", "Describe the old harbour of Lisbon."],
      ["Sort these words: pear, fig, plum", "Sort these fruits by name: pear, fig, plum"],
    ],
  },
  widen: {
    ask: "Write a new task of the same field as this one, about something rarer.",
    shots: [
      ["What is the capital of Spain?", "What is the currency of Mongolia?"],
      ["Count the words in this list: cup, pen", "Put these words in the order of the alphabet: cup, pen"],
    ],
  },
} as const;
export type Evolution = keyof typeof EVOLUTIONS;

const oneLine = (text: string) => text.replaceAll(/\s*\n\s*/g, " ").trim();
/** An output's blank lines would read as its end. */
const noGaps = (text: string) => text.replaceAll(/\n\s*\n/g, "\n").trim();

export interface RequestOptions {
  readonly style: "few_shot" | "chat";
  readonly templates: Templates;
}

/** For a new instruction after others. */
export function instructionRequest(
  shots: readonly Shot[],
  { style, templates: { intro, task } }: RequestOptions,
): Asked {
  const lines = shots.map(({ instruction }) => `${task} ${oneLine(instruction)}`);
  if (style === "few_shot") return { text: [...(intro === "" ? [] : [intro]), ...lines, task].join("\n") };
  const list = shots.map(({ instruction }, at) => `${at + 1}. ${oneLine(instruction)}`).join("\n");
  return {
    user: `Here are some tasks:\n${list}\n\nWrite one more task that differs from all of them. Write the task alone.`,
  };
}

/** For an instruction rewritten. */
export function evolutionRequest(
  instruction: string,
  operation: Evolution,
  { style, templates: { task } }: RequestOptions,
): Asked {
  const { ask, shots } = EVOLUTIONS[operation];
  const own = oneLine(instruction);
  if (style === "chat") return { user: `${ask} Write the rewritten task alone.\n\nThe task: ${own}` };
  const shown = shots.map(([before, after]) => `${task} ${before}\nRewritten: ${after}`);
  return { text: [ask, ...shown, `${task} ${own}\nRewritten:`].join("\n") };
}

/** For the output of an instruction. */
export function answerRequest(
  instruction: string,
  shots: readonly Shot[],
  { style, templates: { task, answer } }: RequestOptions,
): Asked {
  if (style === "chat") return { user: instruction };
  const shown = shots.map((shot) => `${task} ${oneLine(shot.instruction)}\n${answer} ${noGaps(shot.output)}`);
  return { text: [...shown, `${task} ${oneLine(instruction)}\n${answer}`].join("\n\n") };
}

/** A text that was written, up to where it ends; null where it was cut before. */
export function writtenText(
  { text, ended }: { readonly text: string; readonly ended: boolean },
  {
    asked,
    of,
    templates: { task, answer },
  }: { readonly asked: Asked; readonly of: "instruction" | "output"; readonly templates: Templates },
): string | null {
  if ("user" in asked) return ended ? text.trim() : null;
  const body = text.trimStart();
  const stops = of === "instruction" ? ["\n"] : ["\n\n", `\n${task}`, `\n${answer}`];
  const places = stops.map((stop) => body.indexOf(stop)).filter((place) => place >= 0);
  if (places.length === 0) return ended ? body.trim() : null;
  return body.slice(0, Math.min(...places)).trim();
}

/** Draws the examples to show: seeds by that share, and the others of what was made. Each at most once. */
export function drawShots<T>(
  seeds: readonly T[],
  made: readonly T[],
  { shots, seedShare, random }: { readonly shots: number; readonly seedShare: number; readonly random: Random },
): T[] {
  const ofMade = Math.min(made.length, Math.round(shots * (1 - seedShare)));
  const take = (from: readonly T[], count: number) =>
    [...random.permutation(from.length)].slice(0, count).map((at) => from[at]!);
  const drawn = [...take(seeds, Math.min(seeds.length, shots - ofMade)), ...take(made, ofMade)];
  return [...random.permutation(drawn.length)].map((at) => drawn[at]!);
}
