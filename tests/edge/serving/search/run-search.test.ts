/** Searches over drawn texts on a tiny model's batch. */
import { describe, expect, it } from "vitest";
import { requireSearchRoom } from "../../../../edge/serving/search/run-search.ts";
import type { SearchOptions } from "../../../../edge/serving/search/search-run.ts";
import { yieldToEventLoop } from "../../../../edge/serving/yield-to-event-loop.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { type Asked, DRAWN, found, JUDGE, plain, search, tinyLoop, tokensOf } from "./tiny-search.ts";

const best = (more: object = {}) => ({ method: "best_of", best_of: 4, ...more });
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("best of n", () => {
  it("is plain decoding if n is 1", async () => {
    const tiny = await tinyLoop();
    const asked = { seed: 11, choices: 2, prompt: tokensOf(6, 2), topLogprobs: 2, traced: 2, maxTokens: 9 };
    const { end, events } = search(tiny, { ...asked, search: best({ best_of: 1 }) });
    expect(await end).toEqual({ cachedTokens: 0, steeringTokens: 0, completionTokens: 18 });
    const { events: expected } = await plain(tiny, asked);
    const own = events.filter((event) => "choice" in event && event.choice === 0);
    expect(own.map((event) => (event.type === "finish" ? { ...event, search: undefined } : event))).toEqual(
      expected.map((event) => (event.type === "finish" ? { ...event, search: undefined } : event)),
    );
  });

  it.each([1, 2, 3])("returns the likeliest of the texts that n plain requests give (seed %i)", async (seed) => {
    const tiny = await tinyLoop();
    const asked = { seed, prompt: tokensOf(6, 2), endTokens: [5, 9, 33], maxTokens: 10 };
    const { end, events } = search(tiny, { ...asked, search: best() });
    const cost = await end;
    const { report, text } = found(events);
    const alone = await Promise.all(
      [0, 1, 2, 3].map((candidate) => plain(tiny, { ...asked, topLogprobs: 0 }, candidate)),
    );
    expect(text).toBe(alone[report!.chosen]!.text);
    expect(report!.score).toBe(Math.max(...report!.scores.map((score) => score!)));
    expect(report!.score).toBe(report!.scores[report!.chosen]);
    for (const [i, { logprobs, reason }] of alone.entries()) {
      // The token that ends a text counts too, and is not reported.
      if (reason === "length") expect(Math.abs(report!.scores[i]! - mean(logprobs))).toBeLessThan(1e-5);
    }
    // The prompt is copied; what is drawn and not returned is the cost.
    expect(cost.steeringTokens).toBe(report!.tokens - cost.completionTokens);
    expect(new Set(alone.map((one) => one.text)).size).toBe(4);
  });

  it("judges whole texts, their last token included, in a row that runs beside them", async () => {
    const tiny = await tinyLoop();
    const asked = { seed: 4, prompt: tokensOf(6, 2), maxTokens: 6, judge: JUDGE };
    const judged = search(tiny, { ...asked, search: best({ best_of: 3, by: { reward: "r" } }) });
    const cost = await judged.end;
    const { report, text } = found(judged.events);
    expect(report!.score).toBe(Math.max(...report!.scores.map((score) => score!)));
    // 3 leads, 5 decoded tokens each, and the last one looked at; 12 tokens that are not returned.
    expect(cost).toEqual({ cachedTokens: 0, completionTokens: 6, steeringTokens: 3 * (1 + 5 + 1) - 2 + 12 });
    // The same text with a token more: what the judge thinks of it before that token.
    const longer = search(tiny, { ...asked, maxTokens: 7, search: best({ best_of: 3, by: { reward: "r" } }) });
    await longer.end;
    expect(found(longer.events).report!.scores).not.toEqual(report!.scores);
    const seen: number[] = [];
    const spy = { ...JUDGE, score: (final: Float32Array) => seen.push(JUDGE.score(final)) };
    const again = search(tiny, {
      ...asked,
      judge: spy,
      maxTokens: 7,
      search: best({ best_of: 3, by: { reward: "r" }, reject: { fraction: 0.1, every: 6 } }),
    });
    await again.end;
    // At the check after 6 tokens it says what it said of texts that ended there.
    for (const [i, score] of report!.scores.entries()) expect(Math.abs(seen[2 * i + 1]! - score!)).toBeLessThan(1e-4);
    expect(text.split(" ").length).toBe(7);
  });

  it("judges a text at the token that ends it, if the judge was trained to", async () => {
    const asked = { seed: 4, prompt: tokensOf(6, 2), maxTokens: 1, search: best({ best_of: 3, by: { reward: "r" } }) };
    const scores = async (more: Partial<Asked>) => {
      const searched = search(await tinyLoop(), { ...asked, judge: JUDGE, ...more });
      await searched.end;
      return found(searched.events).report!.scores.map((score) => score!);
    };
    // The same token ends the text in one case, and is its last one in the other.
    const endTokens = Array.from({ length: 200 }, (_, token) => token);
    const [last, end, before] = [
      await scores({}),
      await scores({ endTokens, judge: { ...JUDGE, readsEnd: true } }),
      await scores({ endTokens }),
    ];
    for (const [i, score] of last.entries()) {
      expect(Math.abs(end[i]! - score)).toBeLessThan(1e-5);
      expect(Math.abs(before[i]! - score)).toBeGreaterThan(1e-3);
    }
  });

  it("finds the same alone and in a busy batch, whatever waits for rows", async () => {
    const asked: Asked = {
      seed: 8,
      choices: 2,
      prompt: tokensOf(6, 2),
      endTokens: [5, 9],
      judge: JUDGE,
      search: best({ best_of: 5, by: { reward: "r" }, reject: { fraction: 0.5, every: 2 } }),
      maxTokens: 12,
    };
    const alone = search(await tinyLoop({ slots: 8, quota: 6 }), asked);
    await alone.end;
    const tiny = await tinyLoop({ slots: 8, quota: 6 });
    const others = Array.from({ length: 9 }, (_, i) =>
      plain(tiny, { seed: i, tenant: `t${i % 3}`, prompt: tokensOf(4 + i, i), maxTokens: 4 + i }),
    );
    await yieldToEventLoop();
    const busy = search(tiny, asked);
    const expected = others.map(async (one) => (await one).text);
    await Promise.all([busy.end, ...others]);
    for (const choice of [0, 1]) {
      const [a, b] = [found(alone.events, choice), found(busy.events, choice)];
      expect(b.text).toBe(a.text);
      expect({ ...b.report, tokens: 0 }).toEqual({ ...a.report, tokens: 0 });
    }
    const again = await Promise.all(
      Array.from({ length: 9 }, (_, i) =>
        plain(tiny, { seed: i, tenant: `t${i % 3}`, prompt: tokensOf(4 + i, i), maxTokens: 4 + i }),
      ),
    );
    expect(await Promise.all(expected)).toEqual(again.map(({ text }) => text));
    expect(tiny.loop.activeRows).toBe(0);
  });

  it("stops poor candidates early, and never the one that leads at each check", async () => {
    const tiny = await tinyLoop({ slots: 12 });
    const asked = { seed: 21, prompt: tokensOf(6, 2), maxTokens: 16, judge: JUDGE };
    const all = search(tiny, { ...asked, search: best({ best_of: 4, by: { reward: "r" } }) });
    const whole = await all.end;
    const early = search(tiny, {
      ...asked,
      search: best({ best_of: 4, by: { reward: "r" }, reject: { fraction: 0.5, every: 4 } }),
    });
    const cost = await early.end;
    const [full, cut] = [found(all.events).report!, found(early.events).report!];
    expect(cut.scores.filter((score) => score === null)).toHaveLength(3);
    // 5 tokens of two candidates, 9 of one, 16 of the last.
    expect(cut.tokens).toBe(5 + 5 + 9 + 16);
    expect(full.tokens).toBe(64);
    expect(cost.steeringTokens).toBeLessThan(whole.steeringTokens / 2);
    for (const [i, score] of cut.scores.entries()) if (score !== null) expect(score).toBe(full.scores[i]);
    expect(tiny.loop.activeRows).toBe(0);
  });
});

describe("the budget", () => {
  it.each([1, 7, 13, 20, 31, 48, 100])("of %i tokens is never exceeded", async (budget) => {
    const tiny = await tinyLoop({ slots: 6 });
    for (const method of ["best_of", "vote", "rejection"]) {
      const asked = {
        method,
        best_of: 6,
        max_total_tokens: budget,
        ...(method === "rejection" ? { by: "likelihood", threshold: 10 } : {}),
      };
      const { end, events } = search(tiny, { search: asked, seed: budget, maxTokens: 8, endTokens: [5, 9, 33, 60] });
      await end;
      const { report } = found(events);
      expect(report!.tokens).toBeLessThanOrEqual(budget);
      expect(report!.budget).toBe(budget);
      const spent = report!.candidates < 6;
      expect(report!.ended).toBe(spent ? "budget" : method === "rejection" ? "attempts" : "complete");
      // Another whole text did not fit.
      if (spent) expect(budget - report!.tokens).toBeLessThan(8);
    }
  });
});

describe("rejection", () => {
  it("draws until a text is good enough, and says so where none is", async () => {
    const tiny = await tinyLoop();
    const asked = { seed: 3, prompt: tokensOf(6, 2), maxTokens: 8 };
    const all = search(tiny, { ...asked, search: best({ best_of: 6 }) });
    await all.end;
    const scores = found(all.events).report!.scores.map((score) => score!);
    const threshold = [...scores].sort((a, b) => a - b)[3]!;
    const first = scores.findIndex((score) => score >= threshold);
    const rejection = { method: "rejection", best_of: 6, by: "likelihood", threshold };
    const met = search(tiny, { ...asked, search: rejection });
    await met.end;
    expect(found(met.events).report).toMatchObject({ candidates: first + 1, chosen: first, ended: "threshold" });
    const unmet = search(tiny, { ...asked, search: { ...rejection, threshold: 0 } });
    await unmet.end;
    expect(found(unmet.events).report).toMatchObject({ candidates: 6, ended: "attempts", score: Math.max(...scores) });
  });
});

describe("a vote", () => {
  it("returns the first text of the majority", async () => {
    const tiny = await tinyLoop();
    const settings = { ...DRAWN, temperature: 0.6 };
    const asked = { seed: 2, prompt: tokensOf(6, 2), maxTokens: 2, settings };
    const { end, events } = search(tiny, { ...asked, search: { method: "vote", best_of: 12, answer: "last_number" } });
    await end;
    const { text, report } = found(events);
    const all = await Promise.all(Array.from({ length: 12 }, (_, i) => plain(tiny, asked, i)));
    const answers = all.map((one) => one.text.trim().split(" ").at(-1)!);
    const votes = (answer: string) => answers.filter((other) => other === answer).length;
    const most = Math.max(...answers.map(votes));
    expect(most).toBeGreaterThan(1);
    expect(report!.score).toBe(most / 12);
    expect(votes(answers[report!.chosen]!)).toBe(most);
    expect(report!.chosen).toBe(answers.indexOf(answers[report!.chosen]!));
    expect(text).toBe(all[report!.chosen]!.text);
  });
});

describe("a scorer outside", () => {
  const longest = async (_: unknown, texts: readonly string[]) => texts.map((text) => Number(text.split(" ")[0]));
  const asked = (by: object): Asked => ({ search: best({ by: { scorer: "s", ...by } }), seed: 6, maxTokens: 5 });

  it("is asked once for all texts", async () => {
    const tiny = await tinyLoop();
    const calls: number[] = [];
    const scoreTexts = async (choice: unknown, texts: readonly string[]) => {
      calls.push(texts.length);
      return longest(choice, texts);
    };
    const { end, events } = search(tiny, { ...asked({}), scoreTexts });
    await end;
    const { report, tokens } = found(events);
    expect(calls).toEqual([4]);
    expect(tokens[0]).toBe(report!.score);
    expect(report!.score).toBe(Math.max(...report!.scores.map((score) => score!)));
  });

  it("ends the request or gives way to likelihood where it fails, as asked", async () => {
    const tiny = await tinyLoop();
    const scoreTexts = () => Promise.reject(new TrimtabError("scorer_failed", "no"));
    const closed = search(tiny, { ...asked({}), scoreTexts });
    await expect(closed.end).rejects.toMatchObject({ code: "scorer_failed" });
    expect(closed.events).toEqual([]);
    const open = search(tiny, { ...asked({ on_failure: "likelihood" }), scoreTexts });
    await open.end;
    const likely = search(tiny, { ...asked({}), search: best() });
    await likely.end;
    const [report, expected] = [found(open.events).report!, found(likely.events).report!];
    expect(report).toEqual({ ...expected, fallback: "likelihood" });
  });
});

describe("a search that ends early", () => {
  it("leaves no rows wherever it is cancelled", async () => {
    const tiny = await tinyLoop();
    for (let turns = 0; turns < 24; turns++) {
      const { end, cancel, events } = search(tiny, {
        choices: 2,
        judge: JUDGE,
        search: best({ best_of: 5, by: { reward: "r" }, reject: { fraction: 0.5, every: 2 } }),
      });
      for (let i = 0; i < turns; i++) await yieldToEventLoop();
      cancel();
      const before = events.length;
      await end;
      expect([tiny.loop.activeRows, tiny.loop.waitingRows, events.length]).toEqual([0, 0, before]);
    }
    expect(tiny.loop.broken).toBe(false);
    const after = search(tiny, { search: best() });
    await after.end;
    expect(found(after.events).tokens).toHaveLength(8);
  });

  it("fails with the first candidate that fails, and takes the others with it", async () => {
    const tiny = await tinyLoop();
    const settings = {
      greedy: true,
      get bias(): never {
        throw new TrimtabError("invalid_request", "no");
      },
    };
    const { end, events } = search(tiny, { search: best(), settings });
    await expect(end).rejects.toMatchObject({ code: "invalid_request" });
    expect([tiny.loop.activeRows, tiny.loop.waitingRows, events]).toEqual([0, 0, []]);
  });
});

it("refuses by name what the model has too few rows for", () => {
  const options = (asked: object, rowCount: number, { companion = true, remotes = 0, isGreedy = false } = {}) =>
    ({
      loop: { quota: 7 },
      choices: [{ rowCount, remotes, isGreedy, maxTokens: 8 }],
      plan: { asked, ...(companion ? { companion: {} } : {}) },
    }) as unknown as SearchOptions;
  const beam = { method: "beam", best_of: 4 };
  const refusal = (param: string) => expect.objectContaining({ code: "invalid_request", param });
  expect(() => requireSearchRoom(options(beam, 2))).toThrow(refusal("steering.search.best_of"));
  expect(() => requireSearchRoom(options({ ...beam, max_total_tokens: 3 }, 1))).toThrow(
    refusal("steering.search.max_total_tokens"),
  );
  expect(() => requireSearchRoom(options({ method: "best_of", best_of: 2 }, 8))).toThrow(refusal("steering.search.by"));
  expect(() => requireSearchRoom(options(beam, 1, { remotes: 1 }))).toThrow(refusal("steering.search.method"));
  const greedy = { isGreedy: true };
  expect(() => requireSearchRoom(options({ method: "vote", best_of: 2 }, 1, greedy))).toThrow(
    refusal("steering.search.best_of"),
  );
  for (const fits of [
    options({ method: "best_of", best_of: 1 }, 1, greedy),
    options(beam, 1, greedy),
    options({ method: "best_of", best_of: 64 }, 7),
  ])
    requireSearchRoom(fits);
});
