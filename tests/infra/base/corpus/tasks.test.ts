import { describe, expect, it } from "vitest";
import { renderDocument, takeDocuments } from "../../../../infra/base/corpus/index.ts";
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import { drawTask, drawTrainingTask, TASK_NAMES, type TaskName } from "../../../../infra/base/corpus/tasks.ts";

const list = (text: string): string[] => text.slice(text.indexOf(": ") + 2).split(", ");

/** Solves a task from its prompt alone, independently of how the prompt was made. */
const SOLVE: Record<TaskName, (prompt: string) => string> = {
  copy: (prompt) => prompt.slice(prompt.indexOf(": ") + 2),
  reverse: (prompt) => list(prompt).reverse().join(", "),
  "sort-numbers": (prompt) =>
    list(prompt)
      .sort((a, b) => Number(a) - Number(b))
      .join(", "),
  "sort-words": (prompt) => list(prompt).sort().join(", "),
  count: (prompt) => String(list(prompt).length),
  arithmetic: (prompt) => {
    const [first, second] = (prompt.match(/\d+/g) ?? []).map(Number) as [number, number];
    if (/\*|times|Multiply/.test(prompt)) return String(first * second);
    if (/Take/.test(prompt)) return String(second - first);
    return String(/ - |loses/.test(prompt) ? first - second : first + second);
  },
  extract: (prompt) => {
    const age = Number(prompt.match(/\d+/)?.[0]);
    const [name, city] = prompt
      .replace("My friend ", "")
      .replace(/^Extract to JSON: In (\w+) lives (\w+), who/, "$2 $1")
      .replace("Extract to JSON: ", "")
      .match(/[A-Z]\w+/g) as [string, string];
    return `{"name": "${name}", "age": ${age}, "city": "${city}"}`;
  },
};

const corpus = takeDocuments(6, 300_000)
  .filter(({ kind }) => kind === "task")
  .map(renderDocument)
  .join("");

describe.each(TASK_NAMES)("%s", (name) => {
  it("has the answer that follows from its prompt", () => {
    const random = createRandom(4, name);
    for (let i = 0; i < 300; i++) {
      const { prompt, answer } = drawTask(name, i % 2 === 0, random);
      expect(SOLVE[name](prompt), prompt).toBe(answer);
    }
  });

  it("never gives training a held-out instance", () => {
    const random = createRandom(5, name);
    const heldOut = new Set(Array.from({ length: 400 }, () => drawTask(name, true, random).prompt));
    for (const prompt of heldOut) {
      expect(corpus.includes(`<|im_start|>user\n${prompt}<|im_end|>`), prompt).toBe(false);
      expect(corpus.includes(`Task: ${prompt}\n`), prompt).toBe(false);
    }
  });
});

it("draws every task for training, none of them held out", () => {
  const random = createRandom(8);
  const drawn = Array.from({ length: 500 }, () => drawTrainingTask(random));
  expect(new Set(drawn.map(({ task }) => task))).toEqual(new Set(TASK_NAMES));
  expect(drawn.some(({ heldOut }) => heldOut)).toBe(false);
});
