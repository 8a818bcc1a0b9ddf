import { describe, expect, test } from "vitest";
import { findFileOverlap } from "../../../trainer/recipes/file-overlap.ts";
import type { RecipeContext } from "../../../trainer/recipes/recipe.ts";

type Event = Parameters<RecipeContext["event"]>[0];

async function compare(
  training: readonly (readonly [string, string])[],
  validation: readonly (readonly [string, string])[],
) {
  const events: Event[] = [];
  const file = (name: string, pairs: readonly (readonly [string, string])[]) => ({
    name,
    lines: () =>
      pairs.map(([prompt, completion], at) => ({
        line: at + 1,
        examples: [{ kind: "completion", prompt, completion } as const],
      })),
  });
  const files = { training: [file("train.jsonl", training)], validation: [file("valid.jsonl", validation)] };
  const context = { event: (event: Event) => void events.push(event), yieldToEventLoop: async () => {} };
  return { metrics: await findFileOverlap(files, context), events };
}
const words = (from: number) => Array.from({ length: 20 }, (_, at) => `word${from + at}`).join(" ");

describe("findFileOverlap", () => {
  const clean = Array.from({ length: 30 }, (_, at) => [words(100 * at), `reply ${at}`] as const);
  const validation = [
    [words(100), "reply 1"],
    [words(300), "reply 3 indeed"],
    [
      words(500),
      "quite another reply, of many more words than the prompt has, so that the two are not near copies at all",
    ],
    ["what is bread", "flour"],
    [words(90_000), "nothing alike"],
  ] as const;

  test("warns of what the files share, by line, and counts it", async () => {
    const { metrics, events } = await compare([...clean, ["what is bread", "salt"]], validation);
    expect(metrics).toEqual({ overlapping_training_lines: 4, overlapping_validation_lines: 4 });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ level: "warn", type: "message", data: { file: "validation_file", ...metrics } });
    const { message } = events[0]!;
    expect(message).toContain("1 the same as a line of valid.jsonl: 2 (1)");
    expect(message).toContain("1 nearly the same as a line of valid.jsonl: 4 (2)");
    expect(message).toContain("1 with a run of 13 words of a line of valid.jsonl: 6 (3)");
    expect(message).toContain("1 with the prompt, and another reply, of a line of valid.jsonl: 31 (4)");
  });

  test("says nothing once the lines are gone, and of files that share nothing", async () => {
    const left = clean.filter((_, at) => ![1, 3, 5].includes(at));
    expect(await compare(left, validation)).toEqual({ metrics: {}, events: [] });
    expect(await compare(clean, [["a question", "a reply"]])).toEqual({ metrics: {}, events: [] });
  });
});
