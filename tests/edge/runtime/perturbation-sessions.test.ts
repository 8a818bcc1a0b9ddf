import { expect, it } from "vitest";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { passFeatures } from "../../../edge/runtime/pass-inputs.ts";
import { PerturbationSessions } from "../../../edge/runtime/perturbation-sessions.ts";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { PARTS, randomDelta, rowOf, TINY } from "./tiny-model.ts";

it("keeps the graphs that were used last, one for all rows of a kind", async () => {
  const sessions = new PerturbationSessions(await loadOrtModule(), TINY, 16);
  const bare = passFeatures(BARE);
  const all = passFeatures(rowOf("a", randomDelta("a", PARTS)));
  const features = (text: typeof bare, judge: typeof bare) => ({ text, judge, reward: false });
  const first = sessions.for("perturbation", features(bare, bare));
  const step = sessions.for("perturbed-step", features(bare, bare));
  expect(sessions.for("perturbation", features(bare, bare))).toBe(first);
  // The step has no judge.
  expect(sessions.for("perturbed-step", features(bare, all))).toBe(step);
  sessions.for("perturbation", features(bare, all));
  sessions.for("perturbation", features(all, bare));
  expect(sessions.count).toBe(4);
  sessions.for("perturbation", features(bare, bare));
  sessions.for("perturbation", features(all, all));
  expect(sessions.count).toBe(4);
  expect(sessions.for("perturbation", features(bare, bare))).toBe(first);
  expect(sessions.for("perturbed-step", features(bare, bare))).not.toBe(step);
  sessions.clear();
  expect(sessions.count).toBe(0);
  expect(() => first.run({}, {})).toThrow("after disposal");
});
