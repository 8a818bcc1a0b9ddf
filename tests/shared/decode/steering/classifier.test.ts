import { describe, expect, it } from "vitest";
import { classifier } from "../../../../shared/decode/steering/classifier.ts";
import { planned } from "../../../contract/steering-cases.ts";
import { SCORERS } from "../../../contract/steering-model.ts";
import { goldenCases, scoresOf, scoresOfFork } from "./golden-steering.ts";
import { itGivesTheReferencesScores } from "./references.ts";

interface Asked {
  readonly id: string;
  readonly label: string;
  readonly mode: string;
}
const tone = (more: object = {}): Asked => ({ id: "tone", label: "kind", mode: "lookahead", ...more });
const ofMode = (mode: string) => (asked: never) => (asked as readonly Asked[])[0]!.mode === mode;

describe("FUDGE", () => itGivesTheReferencesScores("classifier", 3, ofMode("lookahead")));
describe("GeDi", () => itGivesTheReferencesScores("classifier", 4, ofMode("class_rows")));
describe("token values", () => itGivesTheReferencesScores("classifier", 3, ofMode("token_values")));

describe("its rows", () => {
  const rowsOf = (...asked: object[]) => planned("classifier", asked).companions;
  const at = (i: number) => ({ at: `classifier[${i}].id` });

  it("judge the text after the scorer's lead, one row for each class where each has its own", () => {
    const { lead, class_rows: rows } = SCORERS.tone!.about;
    expect(rowsOf(tone())).toEqual([
      { role: "classifier[0]", model: at(0), prompt: { kind: "tokens", ids: lead }, final: true },
    ]);
    expect(rowsOf(tone({ mode: "class_rows" }))).toEqual(
      rows!.control.map((ids, c) => ({
        role: `classifier[0].${c}`,
        model: at(0),
        prompt: { kind: "tokens", ids: [...lead, ...ids] },
      })),
    );
  });

  it("judge the prompt too where the scorer puts nothing before its texts", () => {
    const scorer = { ...SCORERS.tone!, about: { ...SCORERS.tone!.about, lead: [] } };
    const { companions } = planned("classifier", [tone()], { scorer: () => scorer });
    expect(companions![0]!.prompt).toEqual({ kind: "own" });
  });

  it("are shared by the attributes of one classifier, and not run for idle ones", () => {
    const roles = (...asked: object[]) => rowsOf(...asked)!.map(({ role }) => role);
    const idle = tone({ strength: 0 });
    expect(roles(idle, tone(), tone({ mode: "token_values", label: "rude" }))).toEqual(["classifier[1]"]);
    expect(roles(tone(), tone({ id: "reward", label: "value" }))).toEqual(["classifier[0]", "classifier[1]"]);
    expect(roles(tone(), tone({ mode: "class_rows" }), tone({ mode: "class_rows", label: "rude" }))).toEqual([
      "classifier[0]",
      "classifier[0].0",
      "classifier[0].1",
    ]);
  });

  it("are of classifiers, each named where the request names it", () => {
    const asked = classifier.schema.parse([tone(), tone({ id: "mood" })]);
    const reference = { weight: 1, kind: "classifier" };
    expect(classifier.references!(asked)).toEqual([
      { at: "classifier[0].id", id: "tone", ...reference },
      { at: "classifier[1].id", id: "mood", ...reference },
    ]);
  });
});

describe("refusals", () => {
  it.each([
    [tone({ label: "calm" }), "label", '"kind", "rude"'],
    [tone({ id: "reward", label: "value", mode: "class_rows" }), "mode", "lookahead, token_values"],
    [tone({ id: "reward", label: "value", target: 0.5 }), "target", "remove `target`"],
  ])("names what the classifier does not have: %j", (asked, field, message) => {
    const plan = () => planned("classifier", [tone(), asked]);
    expect(plan).toThrow(expect.objectContaining({ code: "invalid_request", param: `classifier[1].${field}` }));
    expect(plan).toThrow(message);
  });

  it("names the modes that a scorer was not trained for", () => {
    const { class_rows: _, ...about } = SCORERS.tone!.about;
    const scorer = { ...SCORERS.tone!, about: { ...about, temperatures: { lookahead: 1 } } };
    for (const mode of ["class_rows", "token_values"]) {
      const plan = () => planned("classifier", [tone({ mode })], { scorer: () => scorer });
      expect(plan).toThrow(expect.objectContaining({ param: "classifier[0].mode" }));
    }
  });
});

it("goes on from another text with all that it knew of it", () => {
  let differing = 0;
  for (const one of goldenCases("classifier")) {
    if (one.steps.length < 2) continue;
    const expected = scoresOf(one, one.steps).at(-1);
    expect(scoresOfFork(one, one.steps, true), JSON.stringify(one.asked)).toEqual(expected);
    const forgotten = scoresOfFork(one, one.steps, false);
    if (forgotten.some((score, token) => score !== expected![token])) differing++;
  }
  expect(differing).toBeGreaterThan(0);
});
