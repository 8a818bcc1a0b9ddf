import { beforeEach, describe, expect, inject, it } from "vitest";
import { TRIP_AFTER } from "../../../edge/scoring/breaker.ts";
import { ScorerCaller } from "../../../edge/scoring/call-scorer.ts";
import type { ScorerTarget } from "../../../edge/scoring/target.ts";
import { parseScorerAllow } from "../../../shared/api/scorer-url.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";

const server = inject("hostileScorer");
const allow = parseScorerAllow("http://127.0.0.1:*");
const target = (path: string, secret: string | null = null): ScorerTarget => ({
  tenant: "t",
  name: "judge",
  url: `${server}/${path}`,
  secret,
});
const asked = (...texts: string[]) => ({ texts, requestId: "req_1" });
const seen = async () =>
  (await (await fetch(`${server}/seen`)).json()) as { headers: Record<string, string>; body: string; hits: number };

/** How a call fails, and after how many milliseconds. */
async function failure(path: string, deadlineMs = 5_000): Promise<{ error: TrimtabError; ms: number }> {
  const started = Date.now();
  const error = await new ScorerCaller({ allow }).call(target(path), asked("a", "b"), { deadlineMs }).then(
    (scores) => expect.fail(`${path} gave ${JSON.stringify(scores)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TrimtabError);
  return { error: error as TrimtabError, ms: Date.now() - started };
}

describe("a scorer that does its work", () => {
  it("gets the candidates, each once, and gives each its score", async () => {
    const request = { texts: ["a", "b", "a", "c"], prompt: "so far", requestId: "req_7" };
    const scores = await new ScorerCaller({ allow }).call(target("good"), request, { deadlineMs: 5_000 });
    expect(scores).toEqual([0, 0.5, 0, 1]);
    const { headers, body } = await seen();
    expect(JSON.parse(body)).toEqual({
      request_id: "req_7",
      candidates: [{ text: "a" }, { text: "b" }, { text: "c" }],
      context: { prompt: "so far" },
    });
    expect(headers).toMatchObject({ "content-type": "application/json", "x-request-id": "req_7" });
    expect(headers["x-trimtab-signature"]).toBeUndefined();
  });

  it("can check the signature with its secret", async () => {
    const now = () => 1_700_000_000_999;
    await new ScorerCaller({ allow, now }).call(target("good", "s".repeat(16)), asked("ü"), { deadlineMs: 5_000 });
    const { headers, body } = await seen();
    expect(headers["x-trimtab-timestamp"]).toBe("1700000000");
    const encoder = new TextEncoder();
    const hmac = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", encoder.encode("s".repeat(16)), hmac, false, ["verify"]);
    const hex = headers["x-trimtab-signature"]?.replace("sha256=", "") ?? "";
    const signature = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
    expect(await crypto.subtle.verify("HMAC", key, signature, encoder.encode(`1700000000.${body}`))).toBe(true);
  });

  it("may answer in HTTP/1.0, which ends with the connection", async () => {
    const call = new ScorerCaller({ allow }).call(target("http-1.0"), asked("a"), { deadlineMs: 5_000 });
    expect(await call).toEqual([0.25]);
  });

  it("is not asked about nothing", async () => {
    expect(await new ScorerCaller({ allow }).call(target("resets"), asked(), { deadlineMs: 5_000 })).toEqual([]);
  });
});

describe("a scorer that stalls", () => {
  it.each(["never-answers", "stalls-in-body", "drips", "drips-headers"])("%s is left at the deadline", async (path) => {
    const { error, ms } = await failure(path, 400);
    expect(error).toMatchObject({
      code: "scorer_failed",
      param: "steering",
      data: { scorer: "judge", reason: "stalled" },
    });
    expect(error.message).toBe('The scorer "judge" did not answer in time: it had 400 ms.');
    expect(ms).toBeGreaterThanOrEqual(390);
    expect(ms).toBeLessThan(3_000);
  });
});

describe("a scorer that lies", () => {
  it.each([
    ['{"scores":[1]}', "wrong_count"],
    ['{"scores":[1,2,3]}', "wrong_count"],
    ['{"scores":[]}', "wrong_count"],
    ['{"scores":[NaN,1]}', "not_json"],
    ['{"scores":[1e400,1]}', "not_finite"],
    ['{"scores":[1,-1e7]}', "not_finite"],
    ['{"scores":["1",2]}', "not_finite"],
    ['{"scores":[null,2]}', "not_finite"],
    ['{"scores":[[1],2]}', "not_finite"],
    ['{"scores":"12"}', "not_scores"],
    ['{"scores":{"0":1,"1":2,"length":2}}', "not_scores"],
    ['{"__proto__":{"scores":[1,2]}}', "not_scores"],
    ["[1,2]", "not_scores"],
    ["null", "not_scores"],
    ["", "not_json"],
    ["<html>", "not_json"],
  ])("with %s is not believed", async (reply, reason) => {
    const { error } = await failure(`says/${encodeURIComponent(reply)}`);
    expect(error).toMatchObject({ code: "scorer_failed", data: { reason } });
  });

  it("may say more than the scores", async () => {
    const path = `says/${encodeURIComponent('{"model":"v2","scores":[1,-2.5]}')}`;
    expect(await new ScorerCaller({ allow }).call(target(path), asked("a", "b"), { deadlineMs: 5_000 })).toEqual([
      1, -2.5,
    ]);
  });
});

describe("a scorer with a bad connection", () => {
  it.each([
    ["resets", "unreachable"],
    ["closes", "unreachable"],
    ["breaks-off", "unreachable"],
    ["resets-in-body", "unreachable"],
    ["garbage", "unreachable"],
    ["bad-chunks", "unreachable"],
    ["fails-500", "unavailable"],
    ["no-content", "status"],
    ["says-huge", "too_large"],
    ["pours", "too_large"],
  ])("%s: %s", async (path, reason) => {
    const { error, ms } = await failure(path);
    expect(error).toMatchObject({ code: "scorer_failed", data: { reason } });
    expect(ms).toBeLessThan(4_000);
  });

  it("where nobody listens is unreachable", async () => {
    const nobody = { ...target(""), url: "http://127.0.0.1:1/" };
    const call = new ScorerCaller({ allow }).call(nobody, asked("a"), { deadlineMs: 5_000 });
    await expect(call).rejects.toMatchObject({ code: "scorer_failed", data: { reason: "unreachable" } });
  });
});

describe("where a call may go", () => {
  it.each(["redirects", "redirects-keeping"])("nowhere that it %s to", async (path) => {
    const { hits } = await seen();
    expect((await failure(path)).error).toMatchObject({ data: { reason: "redirected" } });
    expect((await seen()).hits).toBe(hits);
  });

  it("through the deployment's network, if it has one", async () => {
    const asked: string[] = [];
    const network = {
      fetch: async (url: URL) => {
        asked.push(url.href);
        return Response.json({ scores: [7] });
      },
    } as unknown as Fetcher;
    const caller = ScorerCaller.of({ SCORER_ALLOW: "http://127.0.0.1:*", SCORER_NETWORK: network });
    expect(await caller.call(target("resets"), { texts: ["a"], requestId: "r" }, { deadlineMs: 5_000 })).toEqual([7]);
    expect(asked).toEqual([`${server}/resets`]);
    const plain = ScorerCaller.of({ SCORER_ALLOW: "http://127.0.0.1:*" });
    expect(await plain.call(target("good"), { texts: ["a"], requestId: "r" }, { deadlineMs: 5_000 })).toEqual([0]);
  });

  it("nowhere that the operator no longer allows", async () => {
    const call = new ScorerCaller({ allow: parseScorerAllow() }).call(target("good"), asked("a"), {
      deadlineMs: 5_000,
    });
    await expect(call).rejects.toMatchObject({ code: "scorer_failed", data: { reason: "refused" } });
  });
});

describe("the limits of a call", () => {
  it("are its candidates and their bytes", async () => {
    const many = Array.from({ length: LIMITS.scorerTexts + 1 }, (_, index) => String(index));
    const caller = new ScorerCaller({ allow });
    for (const texts of [many, ["x".repeat(LIMITS.jsonBody)]]) {
      const call = caller.call(target("good"), asked(...texts), { deadlineMs: 5_000 });
      await expect(call).rejects.toMatchObject({ code: "invalid_request", param: "steering" });
    }
  });

  it("let it end with its request, before it began and while it runs", async () => {
    const caller = new ScorerCaller({ allow });
    const early = caller.call(target("good"), asked("a"), { deadlineMs: 5_000, signal: AbortSignal.abort() });
    await expect(early).rejects.toMatchObject({ code: "cancelled" });
    const ending = new AbortController();
    const late = caller.call(target("stalls-in-body"), asked("a"), { deadlineMs: 60_000, signal: ending.signal });
    setTimeout(() => ending.abort(), 100);
    await expect(late).rejects.toMatchObject({ code: "cancelled" });
  });

  it("make a tenant wait for its own calls only, and refuse what would wait too long a line", async () => {
    const caller = new ScorerCaller({ allow, places: { ofTenant: 1, ofAll: 2, waiting: 1 } });
    const options = { deadlineMs: 500 };
    const slow = caller.call(target("never-answers"), asked("a"), options);
    const waits = caller.call(target("good"), asked("a"), { deadlineMs: 5_000 });
    const third = caller.call(target("good"), asked("a"), options);
    await expect(third).rejects.toMatchObject({ data: { reason: "busy" } });
    expect(await caller.call({ ...target("good"), tenant: "other" }, asked("a"), options)).toEqual([0]);
    await expect(slow).rejects.toMatchObject({ data: { reason: "stalled" } });
    expect(await waits).toEqual([0]);
  });
});

describe("after failures in a row", () => {
  let now = 0;
  let caller: ScorerCaller;
  beforeEach(() => {
    now = 1_000_000;
    caller = new ScorerCaller({ allow, now: () => now });
  });

  const reasonOf = (call: Promise<number[]>) =>
    call.then(
      () => "none",
      (error: TrimtabError) => error.data.reason,
    );

  it("a scorer is left alone, tried again by one call, and others are not held up", async () => {
    const bad = () => reasonOf(caller.call(target("fails-500"), asked("a"), { deadlineMs: 5_000 }));
    for (let call = 0; call < TRIP_AFTER; call++) expect(await bad()).toBe("unavailable");
    expect(await bad()).toBe("tripped");
    expect(await caller.call(target("good"), asked("a"), { deadlineMs: 5_000 })).toEqual([0]);
    now += 10_000;
    expect(await Promise.all([bad(), bad()])).toEqual(["unavailable", "tripped"]);
  });

  it("it is said what it failed with", async () => {
    const lies = () => caller.call(target("says/null"), asked("a"), { deadlineMs: 5_000 });
    for (let call = 0; call < TRIP_AFTER; call++) await expect(lies()).rejects.toMatchObject({ code: "scorer_failed" });
    await expect(lies()).rejects.toMatchObject({
      message: expect.stringContaining("left alone for a while; the last time, it did not answer with `{"),
      data: { reason: "tripped", after: "not_scores" },
    });
  });

  it("ended requests do not count", async () => {
    const signal = AbortSignal.abort();
    for (let call = 0; call <= TRIP_AFTER; call++) {
      await expect(caller.call(target("good"), asked("a"), { deadlineMs: 5_000, signal })).rejects.toThrow();
    }
    expect(await caller.call(target("good"), asked("a"), { deadlineMs: 5_000 })).toEqual([0]);
  });
});
