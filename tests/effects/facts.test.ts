/** What contrasts do to recalled facts, to repetition, and to notes that contradict what the model knows. */
import { describe, expect, it } from "vitest";
import { embeddedModel } from "./support/embedded-model.ts";
import { lost, noteReading, recalled, repetition, someFacts } from "./support/experiments.ts";

const model = await embeddedModel();
const facts = someFacts(4);
const known = await recalled(model, facts);

it("the base recalls nearly all of these facts by greedy decoding", () => {
  expect(facts.length).toBeGreaterThanOrEqual(200);
  expect(known.filter(Boolean).length / facts.length).toBeGreaterThanOrEqual(0.95);
});

describe.each([
  // A temperature below 1 turns the order of the plausible tokens round; one above it leaves greedy texts as they are.
  ["itself at a lower temperature", { amateur: { temperature: 0.5 } }],
  ["a delta that knows less", { amateur: "rude" }],
])("contrastive decoding against %s", (_, contrastive) => {
  it("repeats less than greedy decoding", async () => {
    expect(await repetition(model, { contrastive })).toBeLessThanOrEqual(0.7 * (await repetition(model)));
  });

  it("loses no recalled fact", async () => {
    expect(lost(known, await recalled(model, facts, { contrastive }))).toBe(0);
  });
});

it("DoLa loses no recalled fact", async () => {
  expect(lost(known, await recalled(model, facts, { layers: {} }))).toBe(0);
});

describe("context-aware decoding", () => {
  // The base itself never learnt to read: it follows no note, with or without. With `reader` it does, a little.
  const size = { count: 60, seed: 1, reader: 0.7 };
  const contrastive = { amateur: { without: "system", temperature: 1 }, alpha: 0, strength: 1 };

  it("follows notes that contradict facts where plain decoding does not", async () => {
    const [plain, aware] = [await noteReading(model, size), await noteReading(model, size, { contrastive })];
    // 4 of 60 without it, 21 with it.
    expect(plain.follows).toBeLessThanOrEqual(0.1);
    expect(aware.follows).toBeGreaterThanOrEqual(0.3);
    expect(aware.knows).toBeLessThan(plain.knows);
  });

  it("leaves nothing to follow where there is no note", async () => {
    const without = await noteReading(model, { ...size, noted: false });
    expect(without.follows).toBe(0);
    expect(without.knows).toBeGreaterThanOrEqual(0.95);
  });
});
