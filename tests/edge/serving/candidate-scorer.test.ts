import { describe, expect, it } from "vitest";
import type { ScorerCaller } from "../../../edge/scoring/call-scorer.ts";
import { type ScorerFailure, scorerFailed } from "../../../edge/scoring/failure.ts";
import type { ScorerTarget } from "../../../edge/scoring/target.ts";
import { candidateScorer, scoredPrompt } from "../../../edge/serving/candidate-scorer.ts";
import type { GenerateRequest } from "../../../edge/serving/protocol.ts";
import { rulesRequest } from "../../../shared/decode/steering/rules-request.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import tokenizerJson from "../../golden/tokenizer/hub/gpt2-like/tokenizer.json";
import tokenizerConfig from "../../golden/tokenizer/hub/gpt2-like/tokenizer_config.json";

const tokenizer = loadTokenizer(tokenizerJson, tokenizerConfig);
const TARGET: ScorerTarget = { tenant: "acme", name: "judge", url: "https://x.trimtab.dev/", secret: "s".repeat(16) };
const HELLO = tokenizer.encode("hello");

function request(scorer: object | string | undefined, prompt?: GenerateRequest["prompt"]): GenerateRequest {
  const rules = rulesRequest.parse(scorer === undefined ? {} : { scorer });
  return {
    requestId: "req_5",
    tenant: "acme",
    model: { base: { id: "b", digest: "d", prefix: "b/", files: [] }, weights: null, deltas: [] },
    prompt: prompt ?? { kind: "text", prompts: ["first", "second"] },
    sampling: { settings: {}, seed: 7, maxTokens: 4, stop: [], n: 1, topLogprobs: null },
    steering: { parts: {}, models: {}, conditional: [], rules, scorer: TARGET },
  };
}

function settingsOf(asked: GenerateRequest, callScorer: ScorerCaller["call"], signal = new AbortController().signal) {
  const choice = { prompt: 1, after: HELLO, endTokens: new Set([tokenizer.eosId]) };
  return candidateScorer({ tokenizer }, asked, { callScorer, signal })?.(choice);
}

const failing = (error: Error) => async () => Promise.reject(error);
const outcomeOf = (scorer: object, error: Error) =>
  settingsOf(request(scorer), failing(error))!
    .score([], [3])
    .catch((thrown: unknown) => thrown);

describe("a request's scorer", () => {
  it("is none where none is asked for", () => {
    expect(settingsOf(request(undefined), failing(new Error("called")))).toBeUndefined();
    const { steering: _, ...plain } = request("judge");
    expect(settingsOf(plain, failing(new Error("called")))).toBeUndefined();
  });

  it("is asked with the texts, the prompt, the deadline and the request's end", async () => {
    const calls: unknown[][] = [];
    const call: ScorerCaller["call"] = async (...args) => {
      calls.push(args);
      return [1, 2];
    };
    const { signal } = new AbortController();
    const settings = settingsOf(request({ name: "judge", deadline_ms: 250, candidates: 5 }), call, signal)!;
    expect(settings).toMatchObject({ strength: 1, candidates: 5, every: 1 });
    const [there, is] = [tokenizer.encode(" there"), tokenizer.encode(" is")];
    expect(await settings.score(there, [is[0]!, tokenizer.eosId])).toEqual([1, 2]);
    const next = tokenizer.decode([...HELLO, ...there, is[0]!]).slice("hello".length);
    expect(calls).toEqual([
      [TARGET, { texts: [next, " there"], prompt: "second", requestId: "req_5" }, { deadlineMs: 250, signal }],
    ]);
  });

  it("is told a chat's messages, or the text of a prompt of tokens", () => {
    const messages = [
      { role: "system" as const, content: "be kind" },
      { role: "user" as const, content: "hi", name: "ann" },
    ];
    expect(scoredPrompt(tokenizer, { kind: "chat", messages }, 0)).toEqual([
      { role: "system", content: "be kind" },
      { role: "user", content: "hi" },
    ]);
    expect(scoredPrompt(tokenizer, { kind: "text", prompts: ["x", HELLO] }, 1)).toBe("hello");
  });

  it("may be late where the request says so, and never wrong", async () => {
    const late: ScorerFailure[] = ["stalled", "unreachable", "unavailable", "busy", "tripped"];
    const wrong: ScorerFailure[] = [
      ...(["redirected", "status", "too_large", "not_json", "not_scores"] as const),
      ...(["wrong_count", "not_finite", "refused"] as const),
    ];
    const ends = (reason: ScorerFailure) =>
      expect.objectContaining({
        code: "scorer_failed",
        param: "steering.rules.scorer",
        data: { scorer: "judge", reason },
      });
    for (const reason of [...late, ...wrong]) {
      const error = scorerFailed("judge", reason);
      expect(await outcomeOf({ name: "judge", on_timeout: "closed" }, error), reason).toEqual(ends(reason));
      const open = await outcomeOf({ name: "judge", on_timeout: "open" }, error);
      expect(open, reason).toEqual(late.includes(reason) ? null : ends(reason));
    }
  });

  it("lets other errors be what they are", async () => {
    const cancelled = new TrimtabError("cancelled", "The request ended.");
    expect(await outcomeOf({ name: "judge" }, cancelled)).toBe(cancelled);
    const tooMuch = await outcomeOf({ name: "judge" }, new TrimtabError("invalid_request", "x", { param: "steering" }));
    expect(tooMuch).toMatchObject({ code: "invalid_request", param: "steering.rules.scorer" });
  });
});
