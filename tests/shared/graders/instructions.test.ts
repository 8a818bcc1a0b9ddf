import { describe, expect, it } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import { checkGrader, Grader, grade } from "../../../shared/graders/registry.ts";
import { observe } from "../../../shared/graders/render.ts";

const base = { type: "instructions", name: "i" };
const published = {
  ...base,
  instruction_id_list: "{{item.instruction_id_list}}",
  kwargs: "{{item.kwargs}}",
};
const context = (sample: string, item: unknown) => ({
  observation: observe(sample, item),
  at: "grader",
  ask: async () => {
    throw new Error("asks no model");
  },
});
const graded = (grader: unknown, sample: string, item: unknown = {}) =>
  grade(Grader.parse(grader), context(sample, item));

async function refusal(grader: unknown, item: unknown = {}): Promise<TrimtabError> {
  try {
    await graded(grader, "text", item);
  } catch (error) {
    if (error instanceof TrimtabError) return error;
    throw error;
  }
  throw new Error("not refused");
}

describe("instructions", () => {
  const three = [{ kind: "no_commas" }, { kind: "words", at_most: 2 }, { kind: "format:no_whitespace" }];

  it("grades the share that is followed, or all", async () => {
    expect(await graded({ ...base, instructions: three }, "two words")).toEqual({ score: 2 / 3, usage: [] });
    expect((await graded({ ...base, instructions: three, score: "all" }, "two words")).score).toBe(0);
    expect((await graded({ ...base, instructions: three, score: "all" }, "one")).score).toBe(1);
    expect((await graded({ ...base, instructions: three }, "")).score).toBe(0);
  });

  it("bounds the work that one text may be", async () => {
    const many = Array.from({ length: 32 }, () => ({ kind: "no_commas" }));
    const strict = { ...base, instructions: many };
    expect((await graded(strict, "a".repeat(60_000))).score).toBe(1);
    expect((await graded({ ...strict, mode: "loose" }, "a".repeat(7_000))).score).toBe(1);
    for (const [mode, length, work] of [
      ["strict", 70_000, 2_240_000],
      ["loose", 8_000, 2_048_000],
    ] as const) {
      await expect(graded({ ...strict, mode }, "a".repeat(length))).rejects.toMatchObject({
        param: "grader",
        message: expect.stringContaining(`are ${work}, and may be 2000000`),
      });
    }
  });

  it("reads the item's instructions, in Trimtab's form and in the published one", async () => {
    const item = {
      instructions: three,
      instruction_id_list: ["punctuation:no_comma", "length_constraints:number_words"],
      kwargs: [{}, { relation: "at least", num_words: 3, language: null }],
    };
    expect((await graded({ ...base, instructions: "{{item.instructions}}" }, "one", item)).score).toBe(1);
    expect((await graded(published, "one, two, three", item)).score).toBe(0.5);
  });

  it("takes a line around the answer loosely", async () => {
    const instructions = [{ kind: "punctuation:no_comma" }];
    const reply = "Sure, here it is:\nplain";
    expect((await graded({ ...base, instructions }, reply)).score).toBe(0);
    expect((await graded({ ...base, instructions, mode: "loose" }, reply)).score).toBe(1);
  });

  it("tells what a sample lacks as a flaw", async () => {
    const grader = { ...base, input: "{{sample.output_json.x}}", instructions: three };
    expect(await graded(grader, "no JSON")).toMatchObject({ score: 0, flaw: { sample_parse_error: true } });
  });

  it.each([
    [base, {}, "grader"],
    [{ ...published, instructions: three }, {}, "grader"],
    [{ ...published, kwargs: undefined }, {}, "grader.kwargs"],
    [{ ...base, kwargs: "{{item.kwargs}}", instructions: three }, {}, "grader.instruction_id_list"],
    [{ ...base, instructions: "{{item.x}}" }, {}, "grader.instructions"],
    [{ ...base, instructions: "{{item.x}}" }, { x: "no list" }, "grader.instructions"],
    [{ ...base, instructions: "{{item.x}}" }, { x: [] }, "grader.instructions"],
    [
      { ...base, instructions: "{{item.x}}" },
      { x: [{ kind: "words", at_most: "a" }] },
      "grader.instructions[0].at_most",
    ],
    [published, { instruction_id_list: ["no:such"], kwargs: [{}] }, "grader.instruction_id_list[0]"],
    [published, { instruction_id_list: ["punctuation:no_comma"], kwargs: [] }, "grader.kwargs"],
    [published, { instruction_id_list: ["count:numbers"], kwargs: [{}] }, "grader.kwargs[0].N"],
    [published, { instruction_id_list: ["punctuation:no_comma"], kwargs: [{ N: 3 }] }, "grader.kwargs[0].N"],
    [published, { instruction_id_list: ["punctuation:no_comma"], kwargs: "x" }, "grader.kwargs"],
  ])("refuses %j for %j", async (grader, item, param) => {
    const error = await refusal(JSON.parse(JSON.stringify(grader)), item);
    expect(error).toMatchObject({ code: "invalid_request", param });
    expect(error.message).toContain(param);
  });

  it("refuses templates that cannot be read before anything is graded", () => {
    const grader = Grader.parse({ ...base, instructions: "{{item.x" });
    expect(() => checkGrader(grader, "grader")).toThrow("grader.instructions");
  });
});
