import { describe, expect, it } from "vitest";
import { bodyOf, exchange } from "../../../edge/scoring/exchange.ts";
import { parseScorerAllow } from "../../../shared/api/scorer-url.ts";
import { LIMITS } from "../../../shared/limits.ts";

const scorer = { tenant: "t", name: "judge", url: "https://scores.trimtab.dev/", secret: "0123456789abcdef" };
const signal = new AbortController().signal;
const sent = { body: new TextEncoder().encode("{}"), count: 1, requestId: "req_1" };
const through = (reply: Response, asked: RequestInit[] = []) => ({
  allow: parseScorerAllow(),
  fetch: (async (_: URL, init: RequestInit) => {
    asked.push(init);
    return reply;
  }) as unknown as typeof fetch,
  now: 1_999,
  signal,
});

describe("an exchange", () => {
  it("is signed, follows no redirect, and ends with the scores", async () => {
    const asked: RequestInit[] = [];
    expect(await exchange(scorer, sent, through(Response.json({ scores: [2] }), asked))).toEqual([2]);
    expect(asked[0]).toMatchObject({
      method: "POST",
      redirect: "manual",
      headers: { "x-request-id": "req_1", "x-trimtab-timestamp": "1", "x-trimtab-signature": expect.any(String) },
    });
  });

  it.each([
    [301, "redirected"],
    [308, "redirected"],
    [201, "status"],
    [404, "status"],
    [429, "unavailable"],
    [503, "unavailable"],
  ])("with status %i has failed", async (status, reason) => {
    const reply = Response.json({ scores: [2] }, { status });
    await expect(exchange(scorer, sent, through(reply))).rejects.toMatchObject({
      code: "scorer_failed",
      message: expect.stringContaining(`status ${status}`),
      data: { reason },
    });
  });
});

describe("the body of a call", () => {
  it("has the candidates and what they continue", () => {
    const prompt = [{ role: "user", content: "hi" }];
    const text = new TextDecoder().decode(bodyOf({ texts: [], prompt, requestId: "r" }, ["a"]));
    expect(JSON.parse(text)).toEqual({ request_id: "r", candidates: [{ text: "a" }], context: { prompt } });
  });

  it("has at most so many", () => {
    const texts = Array.from({ length: LIMITS.scorerTexts + 1 }, (_, index) => `${index}`);
    expect(() => bodyOf({ texts, requestId: "r" }, texts)).toThrow("at most 256 candidates in one call");
  });
});
