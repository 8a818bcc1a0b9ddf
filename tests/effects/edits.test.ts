/**
 * Edits hold in free-running text, also where the fact is asked in other words, and leave other facts as they are: 200 facts one at a time
 * by ROME, all at once and 100 in sequence by MEMIT, with the defaults of a job. docs/edits/effects.md says what bounds MEMIT.
 */
import { afterAll, expect, it } from "vitest";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { measureAlone } from "./support/edit-alone.ts";
import { openEditLab } from "./support/edit-lab.ts";
import { measureSequence } from "./support/edit-sequence.ts";
import { ROME, SEQUENCE_LAYERS, sequenceSetting } from "./support/edit-settings.ts";

const lab = await openEditLab({
  executor: createOnnxRuntimeExecutor({ threads: 1 }),
  ...{ seed: 1, layers: SEQUENCE_LAYERS, prefixes: 5, statisticsTokens: 30_000 },
});
const facts = await lab.facts(200);
afterAll(() => lab.close());

it("ROME edits one fact at a time", { timeout: 900_000 }, async () => {
  expect(facts.length).toBeGreaterThanOrEqual(200);
  const { efficacy, paraphrase, neighbourhood } = await measureAlone(lab, facts, ROME);
  // 97.5, 88.8 and 98.0 %.
  expect(efficacy).toBeGreaterThanOrEqual(0.96);
  expect(paraphrase).toBeGreaterThanOrEqual(0.86);
  expect(neighbourhood).toBeGreaterThanOrEqual(0.95);
});

it("MEMIT edits all of them at once", { timeout: 900_000 }, async () => {
  const setting = { ...sequenceSetting("memit"), batchSize: facts.length };
  const [point] = await measureSequence(lab, facts, setting, { every: 1 });
  // 97.0, 61.5 and 79.3 %, with 2.2 % more loss on texts that state no fact.
  expect(point!.efficacy).toBeGreaterThanOrEqual(0.95);
  expect(point!.paraphrase).toBeGreaterThanOrEqual(0.57);
  expect(point!.neighbourhood).toBeGreaterThanOrEqual(0.75);
  expect(point!.base_loss_change).toBeLessThan(0.035);
});

it("MEMIT edits one batch after the other", { timeout: 900_000 }, async () => {
  const setting = { ...sequenceSetting("memit"), normScaling: true, batchSize: 50 };
  const [point] = await measureSequence(lab, facts.slice(0, 100), setting, { every: 2 });
  // 95, 68 and 88.1 %, with 0.6 % more loss.
  expect(point!.efficacy).toBeGreaterThanOrEqual(0.92);
  expect(point!.paraphrase).toBeGreaterThanOrEqual(0.6);
  expect(point!.neighbourhood).toBeGreaterThanOrEqual(0.83);
  expect(point!.base_loss_change).toBeLessThan(0.02);
});
