import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import type { AppEnv } from "../../../edge/routes/app-env.ts";
import { type Generation, type GenerationRequest, generate } from "../../../edge/routes/generation.ts";
import type { GenerateEvent, ResolvedModel } from "../../../edge/serving/protocol.ts";
import { FakeEngine, START } from "../support/fake-engine.ts";

const MODEL: ResolvedModel = { base: { id: "b", digest: "d", prefix: "p/", files: [] }, weights: null, deltas: [] };
const REQUEST = {
  model: "m",
  deltas: [],
  prompt: { kind: "text", prompts: ["a"] },
  sampling: { n: 1 },
} as unknown as GenerationRequest;

/** Runs a body with a generation of these events. Returns what was charged. */
async function generating(
  events: GenerateEvent[],
  body: (generation: Generation) => Promise<void>,
): Promise<unknown[]> {
  const engine = new FakeEngine();
  engine.script = () => events;
  const charges: unknown[] = [];
  const app = new Hono<AppEnv>();
  app.get("/", async (c) => {
    const object = {
      models: { resolve: async () => ({ model: MODEL, steering: null }) },
      account: { charge: async (used: unknown) => void charges.push(used) },
    };
    c.set("caller", { id: "t", object: object as never });
    c.set("requestId", "r");
    await body(await generate(c, REQUEST));
    return c.text("done");
  });
  app.onError((error) => {
    throw error;
  });
  const context = createExecutionContext();
  try {
    await app.request("/", {}, { ENGINE: engine.binding } as never, context);
  } finally {
    await waitOnExecutionContext(context);
  }
  return charges;
}

const token: GenerateEvent = { type: "token", choice: 0, text: "x" };
const usage: GenerateEvent = { type: "usage", promptTokens: 3, completionTokens: 2, cachedTokens: 0 };

describe("generate", () => {
  it("hands on every event and charges what the Engine counted", async () => {
    const seen: unknown[] = [];
    const charges = await generating([token, token, usage], async ({ events, model, used }) => {
      expect(model).toBe(MODEL);
      expect(used).toEqual(START);
      for await (const event of events) seen.push(event);
    });
    expect(seen).toEqual([token, token, usage]);
    expect(charges).toEqual([{ promptTokens: 3, completionTokens: 2 }]);
  });

  it("charges what was seen of a generation that is left", async () => {
    const leave = (after: number) =>
      generating([token, token, token, usage], async ({ events }) => {
        let seen = 0;
        for await (const _ of events) if (++seen === after) break;
      });
    expect(await leave(1)).toEqual([{ promptTokens: 0, completionTokens: 1 }]);
    expect(await leave(2)).toEqual([{ promptTokens: 0, completionTokens: 2 }]);
  });

  it("throws what comes first, before there is anything to read", async () => {
    const error: GenerateEvent = { type: "error", code: "context_length_exceeded", message: "long", param: "prompt" };
    await expect(generating([error], async () => {})).rejects.toMatchObject({
      code: "context_length_exceeded",
      param: "prompt",
    });
    await expect(generating([], async () => {})).rejects.toMatchObject({ code: "internal_error" });
  });
});
