import { describe, expect, it } from "vitest";
import type { Score } from "../../../../trainer/recipes/constitutional/judges.ts";
import { type Draft, graderReviser } from "../../../../trainer/recipes/constitutional/revise.ts";
import type { StartingModel, Written } from "../../../../trainer/recipes/constitutional/starting-model.ts";

const draft = (text: string, ended = true): Draft => ({
  asked: { part: "training", line: 1, prompt: "p", item: { wanted: "w" } } as unknown as Draft["asked"],
  ...{ sample: 0, text, ended },
});
const whole = (text: string): Written => ({ text, ended: true });
const cut = (text: string): Written => ({ text, ended: false });

/** A grader that likes long texts, and remembers what it scored. */
function byLength(seen: string[]): Score {
  return async (replies) =>
    replies.map(({ text }) => {
      seen.push(text);
      return { value: text.length };
    });
}

async function revised(drafts: readonly Draft[], candidates: readonly (readonly Written[])[]) {
  const seen: string[] = [];
  const model = { write: async () => candidates.map((own) => [...own]) } as Partial<StartingModel> as StartingModel;
  const principle = { principle: "Be long." };
  const sampling = { samples: 1, maxTokens: 8, temperature: 1, topP: 1 };
  const options = { model, constitution: { principles: [principle] }, sampling, seed: 1, chunk: 0, candidates: 2 };
  const principles = drafts.map(() => principle);
  const { records, judged } = await graderReviser(byLength(seen), options)(drafts, { round: 1, principles });
  return { seen, records, judged };
}

describe("a revision by a grader", () => {
  it("is the best of the draft and the candidates, and scores nothing that is cut or empty", async () => {
    const { seen, records, judged } = await revised(
      [draft("abc"), draft("a cut draft", false), draft("stays")],
      [[whole("abcd"), cut("far too long")], [whole("  "), whole("ab")], [whole("a")]],
    );
    expect(seen).toEqual(["abc", "abcd", "ab", "stays", "a"]);
    expect(judged).toEqual({ answers: 5, unreadable: 0, first: undefined });
    expect(records).toEqual([
      {
        ...{ principle: "Be long.", before: 3, after: 4, revision: "abcd" },
        candidates: [
          { text: "abcd", score: 4 },
          { text: "far too long", score: null },
        ],
      },
      {
        ...{ principle: "Be long.", after: 2, revision: "ab" },
        candidates: [
          { text: "  ", score: null },
          { text: "ab", score: 2 },
        ],
      },
      { principle: "Be long.", before: 5, after: 5, revision: "stays", candidates: [{ text: "a", score: 1 }] },
    ]);
  });

  it("is none where every text is cut or empty, which asks the grader nothing", async () => {
    const { seen, records, judged } = await revised([draft("")], [[cut("a"), whole(" ")]]);
    expect([seen, judged.answers]).toEqual([[], 0]);
    expect(records).toMatchObject([{ revision: null, problem: "no reply was whole and could be scored" }]);
  });
});
