/** Streams that a scorer weighs, beside one that it does not: with a server that stalls, lies and breaks in every way. */
import { env } from "cloudflare:test";
import { beforeAll, describe, expect, inject, it } from "vitest";
import type { StoredFolder } from "../../../edge/blobs/stored-folder.ts";
import { ScorerCaller } from "../../../edge/scoring/call-scorer.ts";
import { generate } from "../../../edge/serving/generate.ts";
import type { GenerateRequest, Sampling } from "../../../edge/serving/protocol.ts";
import { ServedModel } from "../../../edge/serving/served-model.ts";
import { yieldToEventLoop } from "../../../edge/serving/yield-to-event-loop.ts";
import { parseScorerAllow } from "../../../shared/api/scorer-url.ts";
import type { GenerateEvent } from "../../../shared/decode/events.ts";
import { rulesRequest } from "../../../shared/decode/steering/rules-request.ts";
import type { TrimtabError } from "../../../shared/errors.ts";
import { goldenBase } from "../support/golden-base.ts";
import { storeFolder } from "../support/stored-folder.ts";

const server = inject("hostileScorer");
const ALLOW = parseScorerAllow("http://127.0.0.1:*");
/** The tokens that would end a text or leave no trace in it. */
const NO_CONTROL = [0, 1, 2].map((token) => [token, -100] as const);
const DRAWN: Sampling = {
  settings: { logitBias: NO_CONTROL },
  seed: 7,
  maxTokens: 4,
  stop: [],
  n: 1,
  topLogprobs: null,
};
const SLOW = { timeout: 120_000 };

let folder: StoredFolder;
let model: ServedModel;
beforeAll(async () => {
  folder = await storeFolder(goldenBase());
  model = await ServedModel.load(env.BLOBS, folder, { heapLimitBytes: 64 * 1024 * 1024 });
});

interface Wish {
  /** The server's path; undefined: no scorer. */
  readonly path?: string | undefined;
  readonly scorer?: object;
  readonly sampling?: Partial<Sampling>;
  readonly traced?: number;
  readonly caller?: ScorerCaller;
}

/** A request in the batch, with its events and when each came. */
function ask({ path, scorer, sampling, traced, caller = new ScorerCaller({ allow: ALLOW }) }: Wish) {
  const events: GenerateEvent[] = [];
  const times: number[] = [];
  let cancel = () => {};
  const rules = path === undefined ? {} : { scorer: { name: "judge", ...scorer } };
  const target = { tenant: "acme", name: "judge", url: `${server}/${path}`, secret: "secret-of-the-tests" };
  const request: GenerateRequest = {
    requestId: "r",
    tenant: path === undefined ? "plain" : "acme",
    model: { base: { ...folder, id: "golden" }, weights: null, deltas: [] },
    prompt: { kind: "text", prompts: [[5, 6, 7, 8]] },
    sampling: { ...DRAWN, ...sampling },
    ...(path === undefined
      ? {}
      : { steering: { parts: {}, models: {}, conditional: [], rules: rulesRequest.parse(rules), scorer: target } }),
    ...(traced === undefined ? {} : { traced }),
  };
  const end = generate(model, request, {
    emit: (event) => {
      events.push(event);
      times.push(Date.now());
    },
    onStart: (stop) => {
      cancel = stop;
    },
    deltaId: String,
    loadBase: async () => model,
    callScorer: (...args) => caller.call(...args),
    yieldToEventLoop,
    randomSeed: () => 1,
  }).then(
    () => undefined,
    (error: TrimtabError) => error,
  );
  const text = () => events.map((event) => (event.type === "token" ? event.text : "")).join("");
  const traces = () => events.flatMap((event) => (event.type === "token" ? (event.trace ?? []) : []));
  return { events, times, end, text, traces, cancel: () => cancel() };
}

async function textOf(wish: Wish): Promise<string> {
  const asked = ask(wish);
  expect(await asked.end).toBeUndefined();
  return asked.text();
}

const seen = async () => (await (await fetch(`${server}/seen`)).json()) as { headers: object; body: string };
const NEIGHBOUR: Wish = { sampling: { maxTokens: 40, seed: 3 } };

describe("a scorer that does its work", SLOW, () => {
  it("decides between the likeliest tokens, the same with the same seed, and costs no positions", async () => {
    const plain = await textOf({});
    const wish: Wish = { path: "good", scorer: { strength: 20, candidates: 3, deadline_ms: 10_000 }, traced: 2 };
    const scored = ask(wish);
    expect(await scored.end).toBeUndefined();
    expect(scored.text()).not.toBe(plain);
    expect(scored.events.at(-1)).toMatchObject({ type: "usage", completionTokens: 4, steeringTokens: 0 });
    expect(await textOf(wish)).toBe(scored.text());
    // It prefers the last of the three, by far.
    for (const { id, parts } of scored.traces()) {
      const { candidates } = parts.scorer as { candidates: { token: number; score: number }[] };
      expect(candidates.map(({ score }) => score)).toEqual([0, 0.5, 1]);
      expect(candidates[2]!.token).toBe(id);
    }
    const last = JSON.parse((await seen()).body) as { candidates: { text: string }[]; context: object };
    expect(last).toMatchObject({ request_id: "r", context: { prompt: model.tokenizer.decode([5, 6, 7, 8]) } });
    expect(last.candidates[2]).toEqual({ text: scored.text() });
    expect(JSON.stringify(scored.events)).not.toContain("secret-of-the-tests");
  });

  it("is asked for every n-th token alone", async () => {
    const scored = ask({
      path: "good",
      scorer: { every: 3, deadline_ms: 10_000 },
      sampling: { maxTokens: 7 },
      traced: 1,
    });
    expect(await scored.end).toBeUndefined();
    expect(scored.traces().map(({ parts }) => parts.scorer !== undefined)).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map((step) => step % 3 === 0),
    );
  });

  it("judges each of a request's choices by its own text", async () => {
    const wish: Wish = { path: "good", scorer: { strength: 2, deadline_ms: 10_000 }, sampling: { n: 3 } };
    const scored = ask(wish);
    expect(await scored.end).toBeUndefined();
    const texts = [0, 1, 2].map((choice) =>
      scored.events.map((event) => (event.type === "token" && event.choice === choice ? event.text : "")).join(""),
    );
    expect(new Set(texts).size).toBe(3);
    expect(await textOf({ ...wish, sampling: { n: 1 } })).toBe(texts[0]);
  });
});

const STALLS = ["never-answers", "stalls-in-body", "drips", "drips-headers"];
const BROKEN = ["resets", "closes", "breaks-off", "resets-in-body", "garbage", "bad-chunks"];
const WRONG: [path: string, reason: string][] = [
  ["redirects", "redirected"],
  ["redirects-keeping", "redirected"],
  ["says-huge", "too_large"],
  ["pours", "too_large"],
  ["no-content", "status"],
  [`says/${encodeURIComponent('{"scores":[1]}')}`, "wrong_count"],
  [`says/${encodeURIComponent('{"scores":[1,2,1e400]}')}`, "not_finite"],
  ["says/null", "not_scores"],
  ["says/NaN", "not_json"],
];
const CASES = [
  ...STALLS.map((path) => [path, "stalled", "late"] as const),
  ...BROKEN.map((path) => [path, "unreachable", "late"] as const),
  ["fails-500", "unavailable", "late"] as const,
  ...WRONG.map(([path, reason]) => [path, reason, "wrong"] as const),
];

describe("beside a plain stream, a scorer that", SLOW, () => {
  it.each(CASES)("%s (%s) ends its own request, or is passed over where it may be late", async (path, reason, kind) => {
    const [plain, alone] = [await textOf({}), await textOf(NEIGHBOUR)];
    // Stalling calls wait for their deadline; the others need none.
    const scorer = { candidates: 3, strength: 20, every: 2, deadline_ms: reason === "stalled" ? 150 : 20_000 };
    const caller = new ScorerCaller({ allow: ALLOW });
    const closed = ask({ path, scorer: { ...scorer, on_timeout: "closed" }, caller });
    const open = ask({ path, scorer: { ...scorer, on_timeout: "open" }, traced: 1, caller });
    expect(await textOf(NEIGHBOUR)).toBe(alone);
    const failure = expect.objectContaining({
      code: "scorer_failed",
      param: "steering.rules.scorer",
      data: expect.objectContaining({ scorer: "judge", reason }),
    });
    expect(await closed.end).toEqual(failure);
    if (kind === "wrong") expect(await open.end).toEqual(failure);
    else {
      expect(await open.end).toBeUndefined();
      expect(open.text()).toBe(plain);
      const notes = open.traces().map(({ parts }) => parts.scorer);
      expect(notes).toEqual([{ answered: false }, undefined, { answered: false }, undefined]);
    }
    expect([model.loop.activeRows, model.loop.waitingRows]).toEqual([0, 0]);
    expect(model.loop.broken).toBe(false);
  });

  it("stalls holds no token of any other stream back", async () => {
    const alone = await textOf(NEIGHBOUR);
    const stalled = ask({ path: "never-answers", scorer: { deadline_ms: 3_000, on_timeout: "closed" } });
    // The first token is due, and waits.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(stalled.events.map(({ type }) => type)).toEqual(["start"]);
    const neighbour = ask(NEIGHBOUR);
    expect(await neighbour.end).toBeUndefined();
    // It has come and gone before the scorer's deadline.
    expect(stalled.events.map(({ type }) => type)).toEqual(["start"]);
    expect(neighbour.text()).toBe(alone);
    const gaps = neighbour.times.slice(1).map((time, i) => time - neighbour.times[i]!);
    expect(Math.max(...gaps)).toBeLessThan(1_500);
    expect(await stalled.end).toMatchObject({ code: "scorer_failed" });
  });

  it("stalls is left once its request ends", async () => {
    const stalled = ask({ path: "stalls-in-body", scorer: { deadline_ms: 30_000, on_timeout: "closed" } });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = Date.now();
    stalled.cancel();
    expect(await stalled.end).toBeUndefined();
    expect(Date.now() - before).toBeLessThan(5_000);
    expect(model.loop.activeRows).toBe(0);
  });

  it("lies is not taken for late once it is left alone", async () => {
    const caller = new ScorerCaller({ allow: ALLOW });
    for (let i = 0; i < 7; i++) {
      const lied = ask({ path: "says/null", scorer: { on_timeout: "open" }, caller });
      expect(await lied.end).toMatchObject({ code: "scorer_failed" });
      expect(lied.text()).toBe("");
    }
  });
});
