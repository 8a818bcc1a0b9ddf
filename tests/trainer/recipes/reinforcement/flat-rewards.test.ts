import { describe, expect, it } from "vitest";
import {
  FLAT_PHASES,
  flatness,
  flatReason,
  requireRewards,
} from "../../../../trainer/recipes/reinforcement/flat-rewards.ts";

const START = { flat: 0, varied: false, constant: null };
const following = (phases: readonly (readonly number[])[], advantage = 1) =>
  phases.reduce(
    (state, rewards) => flatness(state, { rewards, advantages: [[advantage]] }),
    START as ReturnType<typeof flatness>,
  );
const times = (count: number, rewards: readonly number[]) => new Array<readonly number[]>(count).fill(rewards);
const param = "method.grpo.reward";
const during = { param, isLast: false };

describe("flat rewards", () => {
  it("end a run that never had others, naming the field and what to do", () => {
    const before = following(times(FLAT_PHASES - 1, [0, 0]));
    expect(flatReason(before, during)).toBeUndefined();
    expect(() => flatReason(following(times(FLAT_PHASES, [0, 0])), during)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param,
        message: expect.stringContaining("every reply has had the reward 0 for 5 phases, from the first on"),
      }),
    );
  });

  it("are told of in the last phase of a short run, unless it has learned something before", () => {
    const last = { param, isLast: true };
    expect(() => flatReason(following([[0, 0]]), last)).toThrow(
      "every reply has had the reward 0 for 1 phase, from the",
    );
    expect(flatReason(following([[0, 1], ...times(2, [1, 1])]), last)).toBeUndefined();
    expect(flatReason(following([[0, 1]]), last)).toBeUndefined();
  });

  it("stop a run that has learned all there is", () => {
    const state = following([[0, 1], ...times(FLAT_PHASES, [1, 1])]);
    expect(flatReason(state, during)).toBe(
      "every reply has had the reward 1 for 5 phases, so there is nothing left to learn",
    );
  });

  it("count from the last phase with something to learn", () => {
    expect(following([...times(4, [0, 0]), [0, 1], ...times(4, [0, 0])])).toMatchObject({ flat: 4, varied: true });
  });

  it("are also those that differ between prompts alone, where nothing has an advantage", () => {
    const state = following(times(FLAT_PHASES, [0, 0, 1, 1]), 0);
    expect(() => flatReason(state, during)).toThrow("the replies to each prompt have had equal rewards");
  });

  it("are not those of single replies that differ from phase to phase", () => {
    expect(following([[0.1], [0.2], [0.3], [0.4], [0.5], [0.6]])).toMatchObject({ varied: true });
    expect(following([[0.1], [0.2], [0.3], [0.4], [0.5], [0.6]]).flat).toBeLessThan(2);
    expect(following(times(5, [0.1])).flat).toBe(5);
  });
});

describe("requireRewards", () => {
  const where = "phase 2";
  it("takes rewards with some flaws", () => {
    requireRewards([{ reward: 0, flaw: "x" }, { reward: 1 }], { where, param });
    requireRewards([], { where, param });
  });

  it("refuses a reward that is no number", () => {
    for (const reward of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => requireRewards([{ reward: 1 }, { reward }], { where, param })).toThrow(
        expect.objectContaining({
          code: "non_finite",
          param,
          message: expect.stringContaining(`phase 2: \`${param}\``),
        }),
      );
    }
  });

  it("refuses a phase in which no reply could be judged, with the flaw", () => {
    expect(() =>
      requireRewards(
        times(2, []).map(() => ({ reward: 0, flaw: "model_grader_parse_error" })),
        { where, param },
      ),
    ).toThrow(
      expect.objectContaining({ code: "scorer_failed", message: expect.stringContaining("model_grader_parse_error") }),
    );
  });
});
