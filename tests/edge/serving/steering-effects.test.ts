/** One effect of each kind where requests are served, in workerd; `tests/effects` has the margins over several seeds, in Node. */
import { beforeAll, expect, it } from "vitest";
import {
  lost,
  noteReading,
  randomPrompts,
  recalled,
  repetition,
  reviews,
  rudeRequests,
  someFacts,
} from "../../effects/support/experiments.ts";
import type { SteeredModel } from "../../effects/support/steered-model.ts";
import { embeddedModel } from "../support/embedded-model.ts";

let model: SteeredModel;
beforeAll(async () => {
  model = await embeddedModel();
});

it.each([{ mode: "lookahead", top_k: 4 }, { mode: "token_values" }, { mode: "class_rows", strength: 0.1, filter: 0 }])(
  "a classifier makes reviews positive: $mode",
  async (asked) => {
    const steering = { classifier: [{ id: "sentiment", label: "positive", ...asked }] };
    const { share, cost } = await reviews(model, steering, { seed: 1, samples: 1 });
    expect(share).toBeGreaterThanOrEqual(7 / 8);
    expect(cost).toBeGreaterThan(0.9);
  },
);

it("an anti-expert takes rudeness away, and an expert adds it", async () => {
  const size = { seed: 1, samples: 1 };
  const less = await rudeRequests(model, { experts: [{ id: "rude", weight: -1 }] }, size);
  const more = await rudeRequests(model, { experts: [{ id: "rude", weight: 1 }] }, size);
  expect(less.share).toBe(0);
  expect(more.share).toBeGreaterThanOrEqual(0.5);
});

it("guidance moves away from a rude system prompt", async () => {
  const guidance = { negative_prompt: "You are rude.", scale: 2 };
  const { share } = await rudeRequests(model, { guidance }, { seed: 1, samples: 1 });
  expect(share).toBeLessThanOrEqual(1 / 12);
});

it("a contrast repeats less and keeps facts, and so do contrasted layers", async () => {
  const facts = someFacts(40);
  const known = await recalled(model, facts);
  const contrastive = { amateur: "rude" };
  expect(await repetition(model, { contrastive })).toBeLessThan(await repetition(model));
  expect(lost(known, await recalled(model, facts, { contrastive }))).toBe(0);
  expect(lost(known, await recalled(model, facts, { layers: {} }))).toBe(0);
});

it("a contrast with the prompt without its note follows the note more often", async () => {
  const size = { count: 30, seed: 1, reader: 0.7 };
  const contrastive = { amateur: { without: "system", temperature: 1 }, alpha: 0, strength: 1 };
  const plain = await noteReading(model, size);
  const aware = await noteReading(model, size, { contrastive });
  expect(aware.follows).toBeGreaterThanOrEqual(plain.follows + 0.1);
});

it("a schema makes documents of noise", async () => {
  const properties = { id: { type: "string", pattern: "^[A-Z]-[0-9]{2}$" }, unit: { enum: ["cm", "in"] } };
  const json_schema = { type: "object", properties, required: ["id", "unit"], additionalProperties: false };
  const all = await model.askAll(
    randomPrompts(16, 1).map((prompt) => {
      return { prompt, steering: { rules: { json_schema } }, maxTokens: 80, temperature: 1.5 };
    }),
  );
  for (const { replies } of all) {
    const { id, unit, ...rest } = JSON.parse(replies[0]!.text) as Record<string, string>;
    expect(id).toMatch(/^[A-Z]-[0-9]{2}$/);
    expect(["cm", "in"]).toContain(unit);
    expect(rest).toEqual({});
  }
});
