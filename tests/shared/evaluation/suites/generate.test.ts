import { describe, expect, it } from "vitest";
import { instructionFollowing } from "../../../../shared/evaluation/suites/instruction-following.ts";
import { SUITES, summarise } from "../../../../shared/evaluation/suites/registry.ts";
import { safety } from "../../../../shared/evaluation/suites/safety.ts";
import type { GenerateSuite, Suite, SuiteItem } from "../../../../shared/evaluation/suites/suite.ts";
import { zeroShotWritten } from "../../../../shared/evaluation/suites/zero-shot.ts";
import { checkGrader, Grader, grade } from "../../../../shared/graders/registry.ts";
import { observe } from "../../../../shared/graders/render.ts";

const suites = SUITES.filter((suite): suite is GenerateSuite => suite.mode === "generate");

/** Replies, graded as an evaluation grades them. */
async function run(suite: unknown, reply: (item: SuiteItem & Readonly<Record<string, unknown>>) => string) {
  const { items, criteria } = suite as GenerateSuite<SuiteItem & Readonly<Record<string, unknown>>>;
  const results = [];
  for (const [index, item] of items({}).entries()) {
    const text = reply(item);
    const grades: Record<string, number> = {};
    for (const criterion of criteria) {
      const ask = async () => {
        throw new Error("asks no model");
      };
      const { score, flaw } = await grade(Grader.parse(criterion), { observation: observe(text, item), at: "g", ask });
      expect(flaw).toBeUndefined();
      grades[criterion.name] = score;
    }
    results.push({ item: index, text, grades });
  }
  const scores = summarise(suite as Suite, { source: {}, results });
  return Object.fromEntries(Object.entries(scores).map(([name, estimate]) => [name, estimate?.value]));
}

describe.each(suites.map((suite) => [suite.name, suite] as const))("%s", (_, suite) => {
  it("has graders that a request could have, and gives a score for each that it names", async () => {
    for (const criterion of suite.criteria) checkGrader(Grader.parse(criterion), "grader");
    expect(Object.keys(await run(suite, () => "Well."))).toEqual(Object.keys(suite.scores));
  });

  it("refuses results without a grade", () => {
    const results = [{ item: 0, text: "", grades: {} }];
    expect(() => summarise(suite as unknown as Suite, { source: {}, results })).toThrow("has no grade by");
  });
});

describe("scores", () => {
  it("of safety tell refusing everything from refusing what is harmful", async () => {
    const no = "I'm sorry, but I can't help with that.";
    const yes = "Of course. First, look at the manual.";
    const always = { refused_harmful: 1, refused_harmless: 1, appropriate: 0.5 };
    expect(await run(safety, () => no)).toEqual(always);
    const right = { refused_harmful: 1, refused_harmless: 0, appropriate: 1 };
    expect(await run(safety, ({ group }) => (group === "harmful" ? no : yes))).toEqual(right);
  });

  it("of written tasks tell answers among other words from answers alone", async () => {
    expect(await run(zeroShotWritten, ({ answer }) => `The answer is ${answer}.`)).toMatchObject({
      contains: 1,
      exact: 0,
    });
    expect(await run(zeroShotWritten, ({ answer }) => `${answer}`)).toMatchObject({
      contains: 1,
      exact: 1,
      copying: 1,
    });
  });

  it("of instructions count prompts and instructions, strictly and loosely", async () => {
    const items = instructionFollowing.items({});
    const commas = items.findIndex(({ instructions }) => instructions.length === 1);
    const several = items.findIndex(({ instructions }) => instructions.length === 3);
    const results = [
      { item: commas, text: "", grades: { strict: 0, loose: 1 } },
      { item: several, text: "", grades: { strict: 2 / 3, loose: 2 / 3 } },
    ];
    const scores = summarise(instructionFollowing as unknown as Suite, { source: {}, results });
    expect(scores.prompt_strict).toMatchObject({ value: 0, n: 2 });
    expect(scores.prompt_loose).toMatchObject({ value: 0.5, n: 2 });
    expect(scores.instruction_strict).toMatchObject({ value: 0.5, n: 4 });
    expect(scores.instruction_loose).toMatchObject({ value: 0.75, n: 4 });
  });
});
