import { describe, expect, it } from "vitest";
import type { Candidate } from "../../../../shared/synthesis/filters/filter.ts";
import { FILTER_NAMES, FilterSettings, filtered, needs } from "../../../../shared/synthesis/filters/registry.ts";
import { Pool } from "../../../../shared/synthesis/pool.ts";
import { gramsOf, wordsOf } from "../../../../shared/synthesis/words.ts";

const pool = new Pool();
pool.add("Name three rivers of the south of France.");
const EVALUATION = wordsOf("the quick brown fox jumps over the lazy dog tonight");
const context = { pool, evaluation: (n: number) => new Set(gramsOf(EVALUATION, n)) };
const GRADER = {
  ...{ type: "string_check", name: "g", operation: "ilike" },
  ...{ input: "{{sample.output_text}}", reference: "x" },
};

const base: Candidate = { instruction: "Describe a quiet street in the rain.", output: "It shines and nobody speaks." };
const look = (settings: Record<string, unknown>, change: Partial<Candidate> = {}) => {
  const parsed = FilterSettings.parse(settings);
  const candidate = { ...base, ...change };
  const first = filtered(candidate, "instruction", { settings: parsed, context });
  if (first.rejected !== null) return first;
  const second = filtered(candidate, "example", { settings: parsed, context });
  return { ...second, passed: [...first.passed, ...second.passed] };
};

/** Settings, what passes, what is rejected, and a part of the reason. */
const CASES: Readonly<Record<string, readonly (readonly [object, Partial<Candidate>, Partial<Candidate>, string])[]>> =
  {
    length: [
      [{}, {}, { instruction: "Count to three" }, "3 words"],
      [{ max_words: 10 }, {}, { instruction: "one two three four five six seven eight nine ten eleven" }, "11 words"],
      [{}, { instruction: "请用三句话解释光合作用的过程。" }, { instruction: "你好" }, "1 words"],
      [{ max_words: 10 }, {}, { instruction: "请用三句话解释光合作用的过程，".repeat(4) }, "24 words"],
      [{ max_words: 5 }, { instruction: "हिन्दी में एक कविता लिखो" }, { instruction: "สวัสดีครับ ช่วยแปลประโยคนี้" }, "6 words"],
      [{}, { instruction: "Назови три реки Франции" }, { instruction: "¿!?" }, "0 words"],
    ],
    duplicates: [[{}, {}, { instruction: "NAME three rivers, of the south of France" }, "already"]],
    rouge: [
      [{}, {}, { instruction: "Name four rivers of the south of France." }, "ROUGE-L"],
      [
        { max: 0.9 },
        { instruction: "Name four rivers of the south of France." },
        { instruction: "Name three rivers of the south of France!" },
        "is 1",
      ],
    ],
    format: [
      [{}, {}, { output: "  " }, "empty"],
      [{ output: "line" }, {}, { output: "a\nb" }, "several lines"],
      [{ output: "json" }, { output: '{"a": 1}' }, { output: "{a: 1}" }, "not JSON"],
      [{ script: "Latin" }, {}, { output: "Он блестит, и все молчат, пока идёт дождь" }, "are Latin"],
    ],
    elimination: [
      [{}, { source: "Describe a street." }, { source: "Describe a quiet street in the rain" }, "made from is 1"],
      [{}, {}, { instruction: "Here is the rewritten task about rain" }, "repeats words of the request"],
      [{}, {}, { output: "..." }, "no word"],
      [
        {},
        { output: `${"word ".repeat(90)} I cannot say.` },
        { output: "I'm sorry, but I cannot do that." },
        "refusal",
      ],
    ],
    contamination: [
      [{ n: 4 }, {}, { output: "Behold, the quick BROWN fox!" }, '"the quick brown fox"'],
      [
        { n: 5 },
        { output: "Behold, the quick BROWN fox!" },
        { output: "quick brown fox jumps over" },
        "validation file",
      ],
      // Neither half has eight words, but the whole is a line of the validation file.
      [
        {},
        { instruction: "the quick brown fox", output: "jumps on the dog tonight" },
        { instruction: "the quick brown fox", output: "jumps over the lazy" },
        "the quick brown fox jumps over the lazy",
      ],
    ],
    perplexity: [
      [{ min: 2, max: 10 }, { perplexity: 5 }, { perplexity: 1.5 }, "below 2"],
      [{ min: 2, max: 10 }, { perplexity: 10 }, { perplexity: 10.5 }, "above 10"],
      [{}, { perplexity: 1 }, {}, "could not be measured"],
    ],
    grade: [
      [{ grader: GRADER }, { grade: 0.5 }, { grade: 0.4 }, "below 0.5"],
      [{ grader: GRADER, min: 0.1 }, { grade: 0.4 }, { grade: null }, "could not grade"],
    ],
  };

it("are all tried here", () => {
  expect(Object.keys(CASES).toSorted()).toEqual([...FILTER_NAMES].toSorted());
});

describe.each(FILTER_NAMES)("the filter %s", (name) => {
  it.each(CASES[name]!)("with %j", (settings, passes, fails, reason) => {
    expect(look({ [name]: settings }, passes)).toMatchObject({ rejected: null, passed: [name] });
    expect(look({ [name]: settings }, fails).rejected).toEqual({
      filter: name,
      reason: expect.stringContaining(reason),
    });
  });
});

it("are asked up to the first that rejects, and none that is left out", () => {
  const both = look(
    { length: { min_words: 2 }, duplicates: {}, rouge: {} },
    { instruction: "Name three rivers of the south of France" },
  );
  expect(both).toMatchObject({ rejected: { filter: "duplicates" }, passed: ["length"] });
  expect(look({}, { instruction: "", output: "" })).toEqual({ rejected: null, passed: [], scores: {} });
  expect(needs(FilterSettings.parse({ grade: { grader: GRADER } }), "grade")).toBe(true);
  expect(needs(FilterSettings.parse({ length: {} }), "grade")).toBe(false);
});
