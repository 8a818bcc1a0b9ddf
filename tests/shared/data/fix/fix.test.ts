import { describe, expect, test } from "vitest";
import { datasetKind } from "../../../../shared/data/dataset-kinds/registry.ts";
import { DataFix, type FixOptions } from "../../../../shared/data/fix/fix.ts";
import { FIX_RULE_NAMES, type FixRuleName } from "../../../../shared/data/fix/registry.ts";
import type { TrimtabError } from "../../../../shared/errors.ts";

const examples = datasetKind("examples");
const place = (number: number) => ({ number, unit: "line", file: "f" }) as const;
const options: FixOptions = {
  drop: [],
  only: [],
  keep: "first",
  similarity: 0.7,
  maxBytes: 1e7,
  model: undefined,
  heldOut: [],
  pause: async () => {},
};
async function dropped(values: readonly object[], given: Partial<FixOptions>, heldOut: readonly object[] = []) {
  const fix = new DataFix({ ...options, ...given });
  for (const [at, value] of heldOut.entries()) await fix.addHeldOut(0, at + 1, examples.read(value, place(at + 1)));
  for (const [at, value] of values.entries()) await fix.add(at + 1, at + 1, examples.read(value, place(at + 1)));
  const verdict = await fix.verdict();
  return [...verdict.dropped.values()].map(({ line, rule, other }) => [
    line,
    rule,
    ...(other === undefined ? [] : [other]),
  ]);
}
const pair = (prompt: string, completion: string) => ({ prompt, completion });
const words = (from: number) => Array.from({ length: 25 }, (_, at) => `word${from + at}`).join(" ");

/** One line that the rule finds, beside one that no rule finds. */
const FOUND: Readonly<Record<Exclude<FixRuleName, "too-long">, readonly object[]>> = {
  empty: [pair("   ", "reply")],
  untrainable: [{ messages: [{ role: "user", content: "hello there" }] }],
  "bad-roles": [
    { messages: ["user", "user", "assistant"].map((role, at) => ({ role, content: `${role} ${at} says a thing` })) },
  ],
  "exact-duplicates": [pair("q", words(0)), pair("q", words(0))],
  contaminated: [pair(words(500), "held out")],
  "near-duplicates": [pair("q", words(0)), pair("q", `${words(0)} more`)],
  "same-prompt": [pair("what is bread", "flour"), pair("what is bread", "salt, mostly")],
  pii: [pair("q", "write to jane@harbour-mail.org")],
  refusals: [pair("q", "I'm sorry, but I can't help with that.")],
};
const CLEAN = pair("Explain the tides to a child.", "The moon pulls at the sea.");
const HELD_OUT = [pair(words(500), "held out")];

describe("DataFix", () => {
  test.each(Object.entries(FOUND))("drops what %s finds, and nothing else", async (rule, lines) => {
    const drop = [rule as FixRuleName];
    const found = await dropped([CLEAN, ...lines], { drop, heldOut: ["valid"] }, HELD_OUT);
    expect(found.map(([line, name]) => [line, name])).toEqual([[lines.length + 1, rule]]);
    expect(await dropped([CLEAN, pair("Name a colour.", "Blue.")], { drop, heldOut: ["valid"] }, HELD_OUT)).toEqual([]);
  });

  test("keeps of copies the first, the last, the longest or none", async () => {
    const lines = [
      pair("q", words(0)),
      CLEAN,
      pair("q", `${words(0)} and more`),
      pair("q", words(0)),
      pair("q", words(0)),
    ];
    const drop: FixRuleName[] = ["exact-duplicates", "near-duplicates"];
    const kept = async (keep: FixOptions["keep"]) => {
      const gone = new Set((await dropped(lines, { drop, keep })).map(([line]) => line));
      return lines.map((_, at) => at + 1).filter((line) => !gone.has(line));
    };
    expect(await kept("first")).toEqual([1, 2]);
    expect(await kept("last")).toEqual([2, 5]);
    expect(await kept("longest")).toEqual([2, 3]);
    expect(await kept("none")).toEqual([2]);
    expect(await dropped(lines, { drop, keep: "longest" })).toEqual([
      [1, "near-duplicates", 3],
      [4, "exact-duplicates", 3],
      [5, "exact-duplicates", 3],
    ]);
  });

  test("writes only what some rules find, when asked, less what others drop", async () => {
    const lines = [CLEAN, ...FOUND.refusals, ...FOUND.pii, pair("jane@harbour-mail.org?", "I cannot help with that.")];
    expect(await dropped(lines, { only: ["refusals"] })).toEqual([
      [1, "only"],
      [3, "only"],
    ]);
    expect(await dropped(lines, { only: ["refusals"], drop: ["pii"] })).toEqual([
      [1, "only"],
      [3, "pii"],
      [4, "pii"],
    ]);
  });

  test("reports a line under one rule, the first", async () => {
    const line = pair("", "I'm sorry, but I can't help jane@harbour-mail.org.");
    expect(
      await dropped([line], { drop: [...FIX_RULE_NAMES].filter((name) => !/too-long|contam/.test(name)).reverse() }),
    ).toEqual([[1, "pii"]]);
  });

  test("drops a line that no model reads without reading it", async () => {
    const model = {
      tokenizer: undefined as never,
      template: () => {
        throw new Error("it was read");
      },
      maxLength: 100,
    };
    expect(await dropped([pair("q", "x".repeat(1_100_000))], { drop: ["too-long"], model })).toEqual([[1, "too-long"]]);
  });

  test("refuses a rule that lacks what it needs", () => {
    const refusal = (given: Partial<FixOptions>) => {
      try {
        new DataFix({ ...options, ...given });
      } catch (error) {
        return (error as TrimtabError).param;
      }
      return undefined;
    };
    expect(refusal({ drop: ["too-long"] })).toBe("drop");
    expect(refusal({ only: ["contaminated"] })).toBe("only");
  });
});
