/**
 * Small tasks with one correct answer each: copy, reverse, sort, count, arithmetic, extraction to JSON.
 *
 * A hash holds out one instance in eight, for evaluation only. An instance is identified by its content (the list, or the
 * sentence's name, age and city), so a held-out list never appears in any wording of its task. Arithmetic on small numbers has
 * too few operand pairs for that: there an instance is the exact wording with its numbers.
 */
import { isHeldOut } from "./hold-out.ts";
import type { Random } from "./random.ts";
import { ALPHABET_WORDS, CITIES, NAMES, POOL_WORDS, THINGS } from "./words.ts";

export interface TaskInstance {
  readonly task: TaskName;
  readonly prompt: string;
  readonly answer: string;
  readonly heldOut: boolean;
}

export const TASK_NAMES = ["copy", "reverse", "sort-numbers", "sort-words", "count", "arithmetic", "extract"] as const;
export type TaskName = (typeof TASK_NAMES)[number];

/** Share of each task among task documents; harder tasks are more frequent. */
const WEIGHTS: Record<TaskName, number> = {
  copy: 0.1,
  reverse: 0.11,
  "sort-numbers": 0.22,
  "sort-words": 0.14,
  count: 0.1,
  arithmetic: 0.21,
  extract: 0.12,
};

function instance(task: TaskName, key: string, prompt: string, answer: string): TaskInstance {
  return { task, prompt, answer, heldOut: isHeldOut(`${task}|${key}`) };
}

type Maker = (random: Random) => TaskInstance;

const copy: Maker = (random) => {
  const words = random.sample(POOL_WORDS, random.between(3, 6)).join(" ");
  return instance("copy", words, random.pick([`Copy: ${words}`, `Repeat these words: ${words}`]), words);
};

const reverse: Maker = (random) => {
  const words = random.sample(POOL_WORDS, 3);
  const list = words.join(", ");
  const prompt = random.pick([`Reverse this list: ${list}`, `Say this backwards: ${list}`]);
  return instance("reverse", list, prompt, words.toReversed().join(", "));
};

const DIGITS = Array.from({ length: 10 }, (_, i) => i);
const UP_TO_TWENTY = Array.from({ length: 21 }, (_, i) => i);

const sortNumbers: Maker = (random) => {
  const numbers = random.chance(0.75)
    ? random.sample(DIGITS, random.between(3, 5))
    : random.sample(UP_TO_TWENTY, random.between(3, 4));
  const list = numbers.join(", ");
  const prompt = random.pick([`Sort these numbers: ${list}`, `Put in order: ${list}`]);
  return instance("sort-numbers", list, prompt, numbers.toSorted((a, b) => a - b).join(", "));
};

const sortWords: Maker = (random) => {
  const words = random.sample(ALPHABET_WORDS, 3);
  const list = words.join(", ");
  const prompt = random.pick([`Sort these words: ${list}`, `Put in alphabetical order: ${list}`]);
  return instance("sort-words", list, prompt, words.toSorted().join(", "));
};

const count: Maker = (random) => {
  const words = random.sample(POOL_WORDS, random.between(1, 6));
  const list = words.join(", ");
  const prompt = random.pick([`Count the words: ${list}`, `How many words are in this list: ${list}`]);
  return instance("count", list, prompt, String(words.length));
};

function sumPrompt(a: number, b: number, random: Random): string {
  const name = random.pick(NAMES);
  const thing = random.pick(THINGS);
  const sums = [`What is ${a} + ${b}?`, `${a} + ${b} =`, `Add ${a} and ${b}.`];
  // "1 apples" would be wrong, so stories start from two.
  if (a < 2) return random.pick(sums);
  return random.pick([...sums, `${name} has ${a} ${thing} and gets ${b} more. How many ${thing} does ${name} have?`]);
}

function differencePrompt(a: number, b: number, random: Random): string {
  const name = random.pick(NAMES);
  const thing = random.pick(THINGS);
  const differences = [`What is ${a} - ${b}?`, `${a} - ${b} =`, `Take ${b} away from ${a}.`];
  if (a < 2) return random.pick(differences);
  return random.pick([
    ...differences,
    `${name} has ${a} ${thing} and loses ${b}. How many ${thing} does ${name} have?`,
  ]);
}

function productPrompt(a: number, b: number, random: Random): string {
  return random.pick([`What is ${a} * ${b}?`, `${a} * ${b} =`, `Multiply ${a} by ${b}.`, `What is ${a} times ${b}?`]);
}

const arithmetic: Maker = (random) => {
  const form = random.float();
  let prompt: string;
  let value: number;
  if (form < 0.4) {
    const a = random.chance(0.7) ? random.below(10) : random.between(10, 29);
    const b = random.below(10);
    prompt = sumPrompt(a, b, random);
    value = a + b;
  } else if (form < 0.7) {
    const a = random.below(11);
    const b = random.between(0, a);
    prompt = differencePrompt(a, b, random);
    value = a - b;
  } else {
    const a = random.between(1, 9);
    const b = random.between(1, 9);
    prompt = productPrompt(a, b, random);
    value = a * b;
  }
  return instance("arithmetic", prompt, prompt, String(value));
};

const extract: Maker = (random) => {
  const name = random.pick(NAMES);
  const age = random.between(5, 79);
  const city = random.pick(CITIES);
  const sentence = random.pick([
    `${name} is ${age} years old and lives in ${city}.`,
    `${name} lives in ${city} and is ${age} years old.`,
    `My friend ${name}, aged ${age}, comes from ${city}.`,
    `In ${city} lives ${name}, who is ${age}.`,
  ]);
  return instance(
    "extract",
    `${name}|${age}|${city}`,
    `Extract to JSON: ${sentence}`,
    `{"name": "${name}", "age": ${age}, "city": "${city}"}`,
  );
};

const MAKERS: Record<TaskName, Maker> = {
  copy,
  reverse,
  "sort-numbers": sortNumbers,
  "sort-words": sortWords,
  count,
  arithmetic,
  extract,
};

/** One instance of the given task, either held out or not; advances `random`. */
export function drawTask(name: TaskName, heldOut: boolean, random: Random): TaskInstance {
  for (;;) {
    const drawn = MAKERS[name](random);
    if (drawn.heldOut === heldOut) return drawn;
  }
}

/** A training instance of a task drawn by the weights above. */
export function drawTrainingTask(random: Random): TaskInstance {
  let remaining = random.float();
  for (const name of TASK_NAMES) {
    remaining -= WEIGHTS[name];
    if (remaining < 0) return drawTask(name, false, random);
  }
  return drawTask("extract", false, random);
}
