/** Companions on another base with the same tokenizer: two tiny models, each with a batch of its own. */
import { describe, expect, it } from "vitest";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { WeightSet } from "../../../edge/runtime/weight-set.ts";
import type { BatchLoop } from "../../../edge/serving/batch-loop.ts";
import type { BatchRequest } from "../../../edge/serving/generation.ts";
import { RemoteCompanion } from "../../../edge/serving/remote-companion.ts";
import { argmax } from "../../../shared/decode/logits.ts";
import type { DecodeSettings } from "../../../shared/decode/registry.ts";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { oracleLogits, TINY, type TinyOptions } from "../runtime/tiny-model.ts";
import { ask, GREEDY, tinyLoop, tokens } from "./steered-request.ts";

const ROLE = "contrastive.amateur";
const ALPHA = 0.1;
const TEMPERATURE = 0.5;
const CONTRAST = {
  contrastive: {
    hasExpert: false,
    expertTemperature: 1,
    amateurTemperature: TEMPERATURE,
    alpha: ALPHA,
    weights: [1, 1] as const,
  },
};
const SETTINGS: DecodeSettings = { ...GREEDY, ...CONTRAST };
const OTHER_WEIGHTS = initialWeights(TINY, 8);

type Side = Awaited<ReturnType<typeof tinyLoop>>;
const PROMPT = tokens(9, 1);

async function twoBases(options: TinyOptions = {}): Promise<[Side, Side]> {
  return [await tinyLoop(options), await tinyLoop({ ...options, weights: OTHER_WEIGHTS })];
}

/** A companion on `other`. */
function companion(other: Side, changes: Partial<ConstructorParameters<typeof RemoteCompanion>[0]> = {}) {
  const { weights } = other;
  return new RemoteCompanion({
    tenant: "acme",
    role: ROLE,
    loop: other.loop,
    row: { prompt: PROMPT, weights, deltas: BARE, stateKey: "bare" },
    maxTokens: 12,
    deadlineMs: 10_000,
    ...changes,
  });
}

const contrasted = (own: Side, remote: RemoteCompanion, changes: object = {}) =>
  ask(own.loop, own.weights, {
    rows: [{ prompt: PROMPT }],
    remotes: [remote],
    settings: SETTINGS,
    maxTokens: 12,
    ...changes,
  });

/** The likeliest tokens of log p − log q / T over those with p ≥ α · max p, from both models' logits of the whole text. */
function byHand(own: Side, other: Side, length: number): number[] {
  const text = [...PROMPT];
  const last = ({ ort, weights }: Side) =>
    oracleLogits(ort, weights, { delta: NO_DELTA, tokens: text }).slice(-TINY.vocabSize);
  for (let n = 0; n < length; n++) {
    const [expert, amateur] = [last(own), last(other)];
    const least = Math.max(...expert) + Math.log(ALPHA);
    text.push(argmax(Float64Array.from(expert, (p, v) => (p < least ? -Infinity : p - amateur[v]! / TEMPERATURE))));
  }
  return text.slice(PROMPT.length);
}

const idle = ({ loop }: Side) => [loop.activeRows, loop.waitingRows, loop.broken];
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

describe("a companion on another base", () => {
  it("contrasts two models as their logits say, and as if both ran in one batch", async () => {
    const [own, other] = await twoBases();
    const remote = contrasted(own, companion(other));
    const { steeringTokens } = await remote.end;
    expect(remote.tokens).toEqual(byHand(own, other, 12));
    const amateur = new WeightSet(own.ort, OTHER_WEIGHTS);
    const rows = [{ prompt: PROMPT }, { role: ROLE, prompt: PROMPT, weights: amateur, stateKey: "amateur" }];
    const local = ask(own.loop, own.weights, { rows, settings: SETTINGS, maxTokens: 12 });
    const end = await local.end;
    expect(local.tokens).toEqual(remote.tokens);
    // Its prompt, and each token but the last.
    expect([steeringTokens, end.steeringTokens]).toEqual([9 + 11, 9 + 11]);
    const plain = ask(own.loop, own.weights, { rows: [{ prompt: PROMPT }], settings: GREEDY, maxTokens: 12 });
    await plain.end;
    expect(plain.tokens).not.toEqual(remote.tokens);
    expect([idle(own), idle(other)]).toEqual([
      [0, 0, false],
      [0, 0, false],
    ]);
  });

  it("leaves the texts of both batches as they are alone, drawn or not, and is not changed by them", async () => {
    const [own, other] = await twoBases();
    const drawn = { settings: { greedy: false, ...CONTRAST }, seed: 11, maxTokens: 12 };
    const plain = { rows: [{ prompt: tokens(7, 3) }], settings: { greedy: false }, seed: 4, maxTokens: 20 };
    const alone = [ask(own.loop, own.weights, plain), ask(other.loop, other.weights, plain)];
    await Promise.all(alone.map(({ end }) => end));
    const steered = contrasted(own, companion(other), drawn);
    await steered.end;
    const beside = [ask(own.loop, own.weights, plain), ask(other.loop, other.weights, plain)];
    const again = contrasted(own, companion(other), drawn);
    await Promise.all([again, ...beside].map(({ end }) => end));
    expect(again.tokens).toEqual(steered.tokens);
    expect(beside.map((each) => each.tokens)).toEqual(alone.map((each) => each.tokens));
  });

  it("ends its request with capacity_exceeded where it gets no row in time, and frees everything", async () => {
    const [own, other] = await twoBases({ slots: 1 });
    const holds = ask(other.loop, other.weights, { rows: [{}], settings: GREEDY, maxTokens: 55, tenant: "busy" });
    const expected = await tinyLoop({ weights: OTHER_WEIGHTS });
    const undisturbed = ask(expected.loop, expected.weights, { rows: [{}], settings: GREEDY, maxTokens: 55 });
    const refused = contrasted(own, companion(other, { deadlineMs: 1 }));
    await expect(refused.end).rejects.toMatchObject({
      code: "capacity_exceeded",
      message: expect.stringContaining("it gave no row in time"),
    });
    expect(refused.tokens).toEqual([]);
    expect([idle(own), other.loop.waitingRows]).toEqual([[0, 0, false], 0]);
    await Promise.all([holds.end, undisturbed.end]);
    expect(holds.tokens).toEqual(undisturbed.tokens);
    expect(idle(other)).toEqual([0, 0, false]);
  });

  it.each([0, 1, 5])("frees the rows of both batches when the request is cancelled after %i tokens", async (after) => {
    const [own, other] = await twoBases();
    const request: { current?: BatchRequest } = {};
    const cancel = () => own.loop.cancel(request.current!);
    const steered = contrasted(own, companion(other, { maxTokens: 40 }), {
      maxTokens: 40,
      onToken: (count: number) => {
        if (count === after) cancel();
      },
    });
    request.current = steered.request;
    if (after === 0) cancel();
    await steered.end;
    await settled();
    expect(steered.tokens).toHaveLength(after);
    expect([idle(own), idle(other)]).toEqual([
      [0, 0, false],
      [0, 0, false],
    ]);
  });

  it("lets two requests cross, each with a companion on the other's base", async () => {
    const [own, other] = await twoBases();
    const alone = [contrasted(own, companion(other)), contrasted(other, companion(own))];
    await alone[0]!.end;
    await alone[1]!.end;
    const both = [contrasted(own, companion(other)), contrasted(other, companion(own))];
    await Promise.all(both.map(({ end }) => end));
    expect(both.map((each) => each.tokens)).toEqual(alone.map((each) => each.tokens));
  });

  it("lets two requests that hold what the other waits for end, and others run after them", async () => {
    const [own, other] = await twoBases({ slots: 1 });
    const both = [
      contrasted(own, companion(other, { deadlineMs: 20 })),
      contrasted(other, companion(own, { deadlineMs: 40 })),
    ];
    const ends = await Promise.allSettled(both.map(({ end }) => end));
    // The first gives up its row, which the second's companion then gets if it is still waited for.
    expect(ends[0]).toMatchObject({ status: "rejected", reason: { code: "capacity_exceeded" } });
    if (ends[1]!.status === "rejected") expect(ends[1]!.reason).toMatchObject({ code: "capacity_exceeded" });
    await settled();
    expect([idle(own), idle(other)]).toEqual([
      [0, 0, false],
      [0, 0, false],
    ]);
    const next = contrasted(own, companion(other));
    await next.end;
    expect(next.tokens).toEqual(byHand(own, other, 12));
  });

  it("ends its request with the error that ends it, and leaves other requests alone", async () => {
    const [own, other] = await twoBases();
    const plain = { rows: [{ prompt: tokens(7, 3) }], settings: GREEDY, maxTokens: 20 };
    const alone = ask(own.loop, own.weights, plain);
    await alone.end;
    const error = new TrimtabError("capacity_exceeded", "Too many requests wait.");
    const loops: Pick<BatchLoop, "submit" | "cancel">[] = [
      {
        submit: () => {
          throw error;
        },
        cancel: () => {},
      },
      {
        submit: (request) => void setTimeout(() => request.settle({ cachedTokens: 0, steeringTokens: 0, error }), 5),
        cancel: () => {},
      },
      {
        submit: (request) => void setTimeout(() => request.settle({ cachedTokens: 0, steeringTokens: 0 }), 5),
        cancel: () => {},
      },
    ];
    for (const [i, loop] of loops.entries()) {
      const beside = ask(own.loop, own.weights, plain);
      const ended = contrasted(own, companion(other, { loop }));
      await expect(ended.end).rejects.toMatchObject({ code: i < 2 ? "capacity_exceeded" : "cancelled" });
      await beside.end;
      expect(beside.tokens).toEqual(alone.tokens);
      expect(idle(own)).toEqual([0, 0, false]);
    }
  });

  it("stops without having begun, and says so to whoever waits", async () => {
    const [, other] = await twoBases();
    const remote = companion(other);
    remote.stop();
    await expect(remote.ready(0)).rejects.toMatchObject({ code: "cancelled" });
    await settled();
    expect(idle(other)).toEqual([0, 0, false]);
  });
});
