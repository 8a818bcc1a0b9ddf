import { describe, expect, it } from "vitest";
import { EXPORT_FORMATS } from "../../../shared/api/feedback.ts";
import type { AnswerMessage, KeptPrompt, Provenance } from "../../../shared/api/kept-completions.ts";
import { KindCheck } from "../../../shared/data/dataset-kinds/kind-check.ts";
import { type JudgedTexts, type Judgement, preferenceLines } from "../../../shared/feedback/lines.ts";

const made: Provenance = {
  model: "m",
  base: { id: "m", digest: "d" },
  weights: null,
  deltas: [],
  applied: [],
  sampling: { temperature: 1, top_p: 1, seed: null, max_tokens: null },
};
const chatPrompt: KeptPrompt = { messages: [{ role: "user", content: "Name a ship" }] };
const say = (content: string, calls?: AnswerMessage["tool_calls"]): AnswerMessage => ({
  role: "assistant",
  content,
  ...(calls === undefined ? {} : { tool_calls: calls }),
});
const judged = (
  judgement: Judgement,
  messages: readonly AnswerMessage[],
  fields: Partial<JudgedTexts> = {},
): JudgedTexts => ({
  judgement,
  prompt: chatPrompt,
  answers: messages.map((message) => ({ message, made })),
  rater: null,
  from: { source: "test" },
  ...fields,
});
const scale = { min: 1, max: 5 };
const rating = (value: number): Judgement => ({ type: "rating", value, scale });

/** The kinds as which the lines load. */
function kindsOf(lines: readonly unknown[]): readonly string[] {
  const check = new KindCheck();
  for (const [at, line] of lines.entries()) check.add(line, { number: at + 1, unit: "line", file: "test" });
  return check.end().kinds;
}

describe("pairs", () => {
  it("are every text of a ranking against every worse one, and load as such", () => {
    const { lines, skipped } = preferenceLines(
      "pairs",
      judged(
        { type: "ranking" },
        ["a", "b", "c"].map((t) => say(t)),
      ),
    );
    expect(lines).toHaveLength(3);
    expect(skipped).toEqual([]);
    expect(lines[1]).toEqual({
      prompt: chatPrompt.messages,
      chosen: [say("a")],
      rejected: [say("c")],
      provenance: { source: "test", rater: null, made: { chosen: made, rejected: made } },
    });
    expect(kindsOf(lines)).toContain("preference_pairs");
  });

  it("leave out what readers of pairs refuse", () => {
    const call = (id: string) => [{ id, type: "function", function: { name: "f", arguments: "{}" } }];
    const texts = [say("a"), say(" "), say("", call("call_1")), say("", call("call_2"))];
    const { lines, skipped } = preferenceLines("pairs", judged({ type: "ranking" }, texts));
    expect(skipped).toEqual(["empty_text", "empty_text", "empty_text", "same_text"]);
    expect(lines).toHaveLength(2);
    expect(kindsOf(lines)).toContain("preference_pairs");
  });

  it("of a text to continue are texts", () => {
    const { lines } = preferenceLines(
      "pairs",
      judged({ type: "ranking" }, [say("a"), say("b")], { prompt: { text: "x" } }),
    );
    expect(lines[0]).toMatchObject({ prompt: "x", chosen: "a", rejected: "b" });
    expect(kindsOf(lines)).toContain("preference_pairs");
  });
});

describe("unpaired lines", () => {
  it.each([
    [{ type: "thumbs", up: true }, true],
    [{ type: "thumbs", up: false }, false],
    [rating(5), true],
    [rating(3.5), true],
    [rating(1), false],
  ] as [Judgement, boolean][])("of %o have the label %s", (judgement, label) => {
    expect(preferenceLines("unpaired", judged(judgement, [say("a")])).lines).toMatchObject([
      { completion: [say("a")], label },
    ]);
  });

  it("know no side of a rating in the middle of its scale", () => {
    expect(preferenceLines("unpaired", judged(rating(3), [say("a")]))).toEqual({
      lines: [],
      skipped: ["middle_of_the_scale"],
    });
  });

  it("load as such", () => {
    const lines = [rating(1), rating(5)].flatMap((one) => preferenceLines("unpaired", judged(one, [say("a")])).lines);
    expect(kindsOf(lines)).toContain("unpaired_preferences");
  });
});

describe("rankings and ratings", () => {
  it("hold all texts, the best first", () => {
    const { lines } = preferenceLines("rankings", judged({ type: "ranking" }, [say("a"), say("b")], { rater: "ada" }));
    expect(lines).toMatchObject([{ completions: [[say("a")], [say("b")]], provenance: { rater: "ada" } }]);
    const same = preferenceLines("rankings", judged({ type: "ranking" }, [say("a"), say("b"), say("a")]));
    expect(same).toEqual({ lines: [], skipped: ["same_text"] });
  });

  it("name the rater of a rating, if it has one", () => {
    const line = (rater: string | null) =>
      preferenceLines("ratings", judged(rating(4), [say("a")], { rater })).lines[0]!;
    expect(line("ada")).toMatchObject({ ratings: [{ rater: "ada", rating: 4 }], provenance: { scale } });
    expect(line("ada")).not.toHaveProperty("rating");
    expect(line(null)).toMatchObject({ rating: 4 });
  });
});

it("every format says why a judgement makes no line of it", () => {
  const all: Judgement[] = [{ type: "thumbs", up: true }, rating(4), { type: "ranking" }, { type: "tie" }];
  for (const format of EXPORT_FORMATS) {
    for (const judgement of all) {
      const texts = judgement.type === "ranking" || judgement.type === "tie" ? [say("a"), say("b")] : [say("a")];
      const { lines, skipped } = preferenceLines(format, judged(judgement, texts));
      expect(lines.length + skipped.length, `${format} of ${judgement.type}`).toBe(1);
    }
  }
});

it("tools that the model was shown stand beside the prompt", () => {
  const tools = [{ type: "function", function: { name: "f" } }];
  const prompt = { ...chatPrompt, tools };
  expect(preferenceLines("unpaired", judged({ type: "thumbs", up: true }, [say("a")], { prompt })).lines).toMatchObject(
    [{ tools }],
  );
});
