import { expect, it } from "vitest";
import { EditFact } from "../../../shared/edits/fact.ts";
import { type FactRecord, factReport } from "../../../trainer/edits/edit-report.ts";

const ROW = { ids: Int32Array.of(1), at: 0 };
const fact = EditFact.parse({ prompt: "Snow is", subject: "Snow", target_new: "red" });
const answers = (text: string) => ({
  ...{ text, probability: 0.5, follows: text === " red", paraphrases: [], neighbours: [] },
  forced: { follows: text === " red", paraphrases: [], neighbours: undefined },
});

/** A fact that continued with one text, and continues with another; undefined where nothing was changed. */
function reported(before: string, after: string | undefined, outcome?: "solved" | "not_converged" | "too_long") {
  const encoded = { index: 0, fact, contexts: [ROW], target: [2], subjectAlone: ROW };
  const value = { delta: new Float64Array(1), start: { mlp: new Float64Array(1), layer: new Float64Array(1) } };
  const record: FactRecord = {
    scored: {
      encoded,
      prompts: { paraphrases: { source: "none", texts: [] }, neighbours: { source: "none", texts: [] } },
    },
    before: answers(before),
    after: after === undefined ? undefined : answers(after),
    solved: outcome && {
      ...{ fact: encoded, value: { ...value, loss: 2.5, steps: 30 }, norm: 1, relativeNorm: 1, rounds: 1, outcome },
    },
  };
  const { status, reason } = factReport(record);
  return [status, reason];
}

it.each([
  [" white", " red", "solved", "edited", null],
  [" white", " blue", "solved", "failed", 'the edited model still continues with " blue"'],
  [" white", undefined, "not_converged", "failed", "no value was found: its loss is 2.50 after 30 steps"],
  [" white", " white", "too_long", "skipped", "its value is more than twice as long as the unedited model's"],
  [" white", undefined, undefined, "skipped", "nothing was solved"],
  [" red", undefined, undefined, "already_known", "the model says so already"],
  [" red", " red", undefined, "already_known", "the model says so already"],
  [
    ...([" red", " blue", undefined, "failed"] as const),
    'the unedited model says so, but the edited model continues with " blue"',
  ],
] as const)("of a fact from %j to %j, solve %s, says %s", (before, after, outcome, status, reason) => {
  expect(reported(before, after, outcome)).toEqual([status, reason]);
});
