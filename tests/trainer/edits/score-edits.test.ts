import { describe, expect, it } from "vitest";
import { EditFact } from "../../../shared/edits/fact.ts";
import type { EditedSubject } from "../../../trainer/edits/edited-subject.ts";
import type { FactEncoder } from "../../../trainer/edits/encode-facts.ts";
import { askFacts, keptNeighbours, type ScoredFact, sharesOf } from "../../../trainer/edits/score-edits.ts";

const text = (ids: readonly number[]) => String.fromCharCode(...ids);
const ids = (of: string) => [...of].map((character) => character.charCodeAt(0));
/** Ids are the characters' codes. */
const encoder = {
  prompt: ids,
  continuation: (_: string, target: string) => ids(` ${target}`),
  text: (_: readonly number[], own: readonly number[]) => text(own),
} as unknown as FactEncoder;

/** A model that continues prompts as told, and gives a target's tokens the log-probability told, by prompt and target. */
function subjectOf(answers: Record<string, string>, scores: Record<string, number>): EditedSubject {
  return {
    unedited: new Map(),
    continue: async (_, prompts) => prompts.map((prompt) => ids(answers[text(prompt)] ?? " ?")),
    score: async (_, texts) =>
      texts.map(({ ids: all, labels }) => {
        const tokens = labels.filter((label) => label >= 0).length;
        return { tokens, logProbability: tokens * (scores[text([...all])] ?? -9) };
      }),
    close: async () => undefined,
  };
}

function scored(given: object = {}): ScoredFact {
  const fact = EditFact.parse({ prompt: "Snow is", subject: "Snow", target_new: "red", ...given });
  return {
    encoded: { index: 0, fact, contexts: [], target: ids(" red"), subjectAlone: { ids: new Int32Array(), at: 0 } },
    prompts: {
      paraphrases: { source: "given", texts: ["See snow"] },
      neighbours: { source: "given", texts: ["Coal is"] },
    },
  };
}
const options = { encoder, isEnd: () => false };

describe("what facts are asked", () => {
  const answers = { "Snow is": " red.", "See snow": " redder", "Coal is": " black and so on" };

  it("counts the target as a whole word at the beginning of the greedy text", async () => {
    const [answer] = await askFacts(subjectOf(answers, { "Snow is red": -0.5 }), new Map(), [scored()], options);
    expect(answer).toMatchObject({ text: " red.", follows: true, paraphrases: [false], neighbours: [" bla"] });
    expect(answer!.probability).toBeCloseTo(Math.exp(-0.5 * 4), 12);
    // Without a true target every token must be the likeliest, which the paraphrase's are.
    expect(answer!.forced).toEqual({ follows: true, paraphrases: [true], neighbours: undefined });
  });

  it("may be as much as the limits allow", async () => {
    const texts = Array.from({ length: 32 }, (_, i) => `See ${i}`);
    const prompts = { source: "given", texts } as const;
    const facts = Array.from({ length: 2000 }, () => ({
      ...scored(),
      prompts: { paraphrases: prompts, neighbours: prompts },
    }));
    const quick = { ...options, forced: false };
    expect(await askFacts(subjectOf({}, {}), new Map(), facts, quick)).toHaveLength(2000);
  });

  it("compares the new target with the true one, by the mean over tokens", async () => {
    const scores = {
      ...{ "Snow is red": -0.5, "Snow is white": -0.6, "See snow red": -2, "See snow white": -1 },
      ...{ "Coal is red": -3, "Coal is white": -2 },
    };
    const [answer] = await askFacts(subjectOf(answers, scores), new Map(), [scored({ target_true: "white" })], options);
    expect(answer!.forced).toEqual({ follows: true, paraphrases: [false], neighbours: [true] });
  });
});

it("takes shares over all prompts, and their harmonic mean over what was asked", () => {
  const one = { follows: true, paraphrases: [true, false], neighbours: [] as boolean[] };
  expect(sharesOf([one, { ...one, follows: false, neighbours: [true] }])).toEqual({
    ...{ efficacy: 0.5, paraphrase: 0.5, neighbourhood: 1 },
    score: 3 / (2 + 2 + 1),
  });
  expect(sharesOf([{ follows: false, paraphrases: [], neighbours: [true] }])).toEqual({
    ...{ efficacy: 0, paraphrase: null, neighbourhood: 1, score: 0 },
  });
  expect(sharesOf([])).toEqual({ efficacy: null, paraphrase: null, neighbourhood: null, score: null });
});

it("keeps neighbours whose text is the same", () => {
  const answer = { neighbours: ["a", "b"] } as never;
  expect(keptNeighbours(answer, { neighbours: ["a", "c"] } as never)).toEqual([true, false]);
});
