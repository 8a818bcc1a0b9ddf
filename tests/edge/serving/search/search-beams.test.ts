/** Beam search over the batch, against transformers and a loop in float64. */
import { beforeAll, describe, expect, it } from "vitest";
import { BatchLoop } from "../../../../edge/serving/batch-loop.ts";
import { yieldToEventLoop } from "../../../../edge/serving/yield-to-event-loop.ts";
import { parseModelConfig } from "../../../../shared/model/config.ts";
import { readWeights } from "../../../../shared/model/weights.ts";
import golden from "../../../golden/decode/beams.json";
import goldenConfig from "../../../golden/llama/plain/config.json";
import { tinyParts } from "../../runtime/tiny-model.ts";
import { GOLDEN_WEIGHTS } from "../../support/golden-base.ts";
import { type Asked, found, plain, search, type TinyLoop, tinyLoop, tokensOf } from "./tiny-search.ts";

const GREEDY = { greedy: true };

let tiny: Pick<TinyLoop, "loop" | "weights">;
beforeAll(async () => {
  const config = parseModelConfig(goldenConfig);
  const weights = await readWeights(config, { names: ["model.safetensors"], bytes: async () => GOLDEN_WEIGHTS });
  const parts = await tinyParts({ config, weights, slots: 8 });
  tiny = { ...parts, loop: new BatchLoop({ ...parts, chunk: 16, yieldToEventLoop }) };
});

describe("beams", () => {
  it.each(golden.cases.map((one) => [JSON.stringify(one.settings), one] as const))(
    "find the texts and scores of the reference: %s",
    async (_, { settings, prompt, results }) => {
      const { beams, groups, diversity, lengthPenalty, earlyStopping, maxTokens, ends } = settings;
      const asked = {
        method: "beam",
        best_of: beams,
        groups,
        diversity,
        length_penalty: lengthPenalty,
        early_stopping: earlyStopping,
      };
      const { end, events } = search(tiny, { search: asked, prompt, maxTokens, endTokens: ends, settings: GREEDY });
      await end;
      const { tokens, report } = found(events);
      const [best] = results;
      // A token that ends a text is not reported.
      expect(tokens).toEqual(best!.tokens.filter((token) => !(ends as number[]).includes(token)));
      expect(report!.scores).toHaveLength(results.length);
      for (const [i, { score }] of results.entries()) expect(Math.abs(report!.scores[i]! - score)).toBeLessThan(1e-5);
      expect(report).toMatchObject({ candidates: beams, chosen: 0, score: report!.scores[0], ended: "complete" });
      expect(tiny.loop.activeRows).toBe(0);
    },
  );

  it("are greedy decoding if there is one", async () => {
    const asked = { prompt: golden.cases[0]!.prompt, maxTokens: 10, settings: GREEDY };
    const { end, events } = search(tiny, { ...asked, search: { method: "beam", best_of: 1 } });
    expect(await end).toEqual({ cachedTokens: 0, steeringTokens: 0, completionTokens: 10 });
    expect(found(events)).toMatchObject({ tokens: (await plain(tiny, asked)).tokens, reason: "length" });
  });
});

describe("beams over steered rows", () => {
  const steered = (more: Partial<Asked> = {}): Asked => ({
    search: { method: "beam", best_of: 3 },
    prompt: tokensOf(9, 1),
    rows: [{ role: "guidance", prompt: tokensOf(6, 2) }],
    settings: { ...GREEDY, guidance: 3, penalties: { presence: 1.5, frequency: 0.5 } },
    maxTokens: 10,
    ...more,
  });

  it("give each text what it would get alone", async () => {
    const own = await tinyLoop();
    const { end, events } = search(own, steered());
    const cost = await end;
    const { tokens, report, logprobs } = found(events);
    // The text's own tokens again, as a request that may not choose: its score is that of the search.
    const forced = tokens;
    const again = await plain(own, { ...steered(), settings: { ...steered().settings!, forced } });
    expect(again.tokens).toEqual(tokens);
    for (const [i, logprob] of again.logprobs.entries()) expect(Math.abs(logprob - logprobs[i]!)).toBeLessThan(1e-5);
    const greedy = await plain(own, steered());
    expect(greedy.tokens).not.toEqual(tokens);
    // 1 + 9 · 3 tokens; the companions' prompt once, and their 9 tokens in each beam.
    expect(report).toMatchObject({ tokens: 28, budget: 30 });
    expect(cost).toEqual({ cachedTokens: 0, completionTokens: 10, steeringTokens: 28 - 10 + 6 + 27 });
    expect(own.loop.activeRows).toBe(0);
  });

  it("find the same in a busy batch", async () => {
    const own = await tinyLoop({ slots: 12, quota: 8 });
    const alone = search(own, steered());
    await alone.end;
    const others = [1, 2, 3].map((seed) => plain(own, { seed, prompt: tokensOf(5 + seed, seed), maxTokens: 6 + seed }));
    const busy = search(own, steered());
    await Promise.all([...others, busy.end]);
    expect(found(busy.events)).toEqual(found(alone.events));
  });

  it("report scores and traces of the text that wins, and end at a stop sequence", async () => {
    const own = await tinyLoop();
    const { end, events } = search(own, steered({ traced: 2, topLogprobs: 2 }));
    await end;
    const shown = events.filter((event) => event.type === "token");
    expect(shown).toHaveLength(10);
    for (const { logprobs, trace } of shown) {
      expect([logprobs!.length, logprobs![0]!.top.length, trace!.top.length]).toEqual([1, 2, 2]);
      expect(trace!.id).toBe(logprobs![0]!.id);
      expect(trace!.kl).toBeGreaterThan(0);
    }
    const { tokens } = found(events);
    const stopping = search(own, steered({ stop: [tokens[2]!] }));
    await stopping.end;
    expect(found(stopping.events)).toMatchObject({ reason: "stop" });
  });

  it("leave no rows wherever they are cancelled", async () => {
    const own = await tinyLoop();
    for (let turns = 0; turns < 16; turns++) {
      const { end, cancel, events } = search(own, steered());
      for (let i = 0; i < turns; i++) await yieldToEventLoop();
      cancel();
      await end;
      expect([own.loop.activeRows, own.loop.waitingRows, turns < 8 ? events : []]).toEqual([0, 0, []]);
    }
    expect(own.loop.broken).toBe(false);
  });
});
