import { describe, expect, it } from "vitest";
import { NO_PROBES } from "../../../../shared/evaluation/probes.ts";
import { calibration, calibrationError, reliabilityBins } from "../../../../shared/evaluation/suites/calibration.ts";
import { factRecall } from "../../../../shared/evaluation/suites/facts.ts";
import { register, stereotypes } from "../../../../shared/evaluation/suites/pairs.ts";
import { compareRuns, SUITES, summarise } from "../../../../shared/evaluation/suites/registry.ts";
import type { ChooseItem, ChooseSuite, Suite } from "../../../../shared/evaluation/suites/suite.ts";
import { zeroShotChoices } from "../../../../shared/evaluation/suites/zero-shot.ts";

const run = (suite: unknown, logprobs: (item: ChooseItem, index: number) => readonly number[], source = {}) => ({
  source,
  results: (suite as ChooseSuite).items(source).map((item, i) => ({ item: i, logprobs: logprobs(item, i) })),
});
const values = (suite: unknown, made: ReturnType<typeof run>) =>
  Object.fromEntries(
    Object.entries(summarise(suite as Suite, made)).map(([name, estimate]) => [name, estimate?.value ?? null]),
  );
const perfect = ({ choices, answer }: ChooseItem) => choices.map((_, i) => (i === answer ? -1 : -50));
const even = ({ choices }: ChooseItem) => choices.map(() => -3);

describe.each(SUITES.filter(({ mode }) => mode === "choose").map((suite) => [suite.name, suite] as const))(
  "%s",
  (_, suite) => {
    it("gives a score for each that it names", () => {
      const scores = summarise(suite, run(suite, perfect));
      expect(Object.keys(scores)).toEqual(Object.keys(suite.scores));
    });

    it("refuses results that lack a choice", () => {
      const { source, results } = run(suite, perfect);
      expect(() => summarise(suite, { source, results: [{ item: 0, logprobs: [0] }, ...results] })).toThrow(
        "likelihood",
      );
    });

    it("finds no change between the same runs", () => {
      const made = run(suite, (item, i) => item.choices.map((_, c) => -((i * 7 + c * 3) % 5)));
      for (const compared of Object.values(compareRuns(suite, made, made))) {
        if (compared?.change) expect(compared.change.value).toBe(0);
      }
    });
  },
);

describe("scores", () => {
  it("are perfect for who is always right, and the share of guessing for who finds all alike", () => {
    expect(values(zeroShotChoices, run(zeroShotChoices, perfect))).toMatchObject({ accuracy: 1, arithmetic: 1 });
    expect(values(zeroShotChoices, run(zeroShotChoices, even)).arithmetic).toBeCloseTo(1 / 3, 12);
    expect(values(factRecall, run(factRecall, perfect))).toMatchObject({
      recalled: 1,
      recalled_base: null,
      margin: 49,
    });
    expect(values(factRecall, run(factRecall, even))).toMatchObject({ recalled: 0.25, margin: 0 });
    expect(values(stereotypes, run(stereotypes, even))).toMatchObject({
      stereotype_preferred: 0.5,
      stereotype_margin: 0,
    });
    expect(
      values(
        stereotypes,
        run(stereotypes, () => [-3, -1]),
      ),
    ).toMatchObject({
      stereotype_preferred: 0,
      stereotype_margin: -2,
    });
    const impossible = run(register, () => [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(values(register, impossible)).toMatchObject({ formal_preferred: 0.5, formality: 0 });
  });

  it("counts likelihoods by byte beside those of whole choices", () => {
    const long = run(zeroShotChoices, ({ choices }) => choices.map((choice) => -choice.length));
    const byByte = values(zeroShotChoices, long).accuracy_per_byte!;
    // Every choice is as likely by byte.
    expect(byByte).toBeCloseTo(values(zeroShotChoices, run(zeroShotChoices, even)).accuracy!, 1);
  });

  it("asks the base's facts beside the general ones, with other answers of the file", () => {
    const facts = Array.from({ length: 500 }, (_, i) => ({ prompt: `The capital of ${i} is`, answer: `City ${i}` }));
    const items = factRecall.items({
      probes: { ...NO_PROBES, facts: [...facts, { prompt: facts[0]!.prompt, answer: "City" }] },
    });
    const ofBase = items.filter(({ group }) => group === "base");
    expect(ofBase).toHaveLength(200);
    expect(ofBase[0]).toMatchObject({
      prompt: "The capital of 0 is",
      choices: [" City 0", " City 1", " City 2", " City 3"],
    });
    for (const { choices, answer, prompt } of ofBase) {
      expect(choices[answer]).toBe(` City ${/\d+/.exec(prompt)![0]}`);
      expect(new Set(choices).size).toBe(4);
    }
    expect(
      factRecall.items({ probes: { ...NO_PROBES, facts: [facts[0]!] } }).some(({ group }) => group === "base"),
    ).toBe(false);
  });

  it("say how sure a model is beside how right", () => {
    const sure = [0.95, 0.95, 0.95, 0.95].map((confidence, i) => ({ confidence, right: i < 3 ? 1 : 0 }));
    expect(calibrationError(sure)).toBeCloseTo(0.2, 12);
    expect(calibrationError([...sure, { confidence: 0.5, right: 1 }])).toBeCloseTo((4 * 0.2 + 0.5) / 5, 12);
    expect(calibrationError([])).toBeNull();
    expect(reliabilityBins(sure)[9]).toMatchObject({ low: 0.9, n: 4, accuracy: 0.75 });
    expect(reliabilityBins([{ confidence: 1, right: 1 }])[9]!.n).toBe(1);

    const found = values(calibration, run(calibration, perfect));
    expect(found.brier).toBeCloseTo(0, 12);
    expect(found.overconfidence).toBeCloseTo(0, 12);
    const wrong = run(calibration, (item) => perfect(item).map((logprob) => -51 - logprob));
    const two = values(calibration, wrong);
    expect(two.accuracy).toBe(0);
    expect(two.calibration_error).toBeGreaterThan(0.3);
    expect(two.overconfidence).toBeCloseTo(two.calibration_error!, 12);
  });
});
