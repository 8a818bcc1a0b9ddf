import { describe, expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import { BeamSearch, type BeamSettings } from "../../../shared/search/beam-search.ts";

const END = 0;
const VOCABULARY = 5;

/** Log-probabilities [V] of the token after a text. */
function scoresOf(text: string, seed: number): Float64Array {
  const random = createRandom(seed, text);
  const weights = Float64Array.from({ length: VOCABULARY }, () => Math.exp(2 * random.normal()));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => Math.log(weight / sum));
}

function search(settings: BeamSettings, seed: number): BeamSearch<string> {
  const beams = new BeamSearch(settings, "");
  while (!beams.done) {
    beams.step({
      scores: beams.running.map(({ text }) => scoresOf(text, seed)),
      extend: (text, token) => ({ text: `${text}${token}`, ends: token === END }),
    });
    expect(beams.running.length).toBeLessThanOrEqual(settings.beams);
  }
  return beams;
}

/** Every text that may end, with its score. */
function everything(seed: number, maxTokens: number, penalty: number): { text: string; score: number }[] {
  const all: { text: string; score: number }[] = [];
  const visit = (text: string, sum: number) => {
    for (const [token, score] of scoresOf(text, seed).entries()) {
      const longer = `${text}${token}`;
      const total = sum + score;
      if (token === END || longer.length === maxTokens)
        all.push({ text: longer, score: total / longer.length ** penalty });
      else visit(longer, total);
    }
  };
  visit("", 0);
  return all.sort((a, b) => b.score - a.score);
}

describe("BeamSearch", () => {
  it("finds the best texts of all if no beam is ever dropped", () => {
    for (let seed = 0; seed < 20; seed++) {
      const settings = { beams: 160, maxTokens: 4, lengthPenalty: 1, earlyStopping: "never", endTokens: 1 } as const;
      const { results } = search(settings, seed);
      const best = everything(seed, 4, 1);
      expect(results.slice(0, 20).map(({ text }) => text)).toEqual(best.slice(0, 20).map(({ text }) => text));
      for (const [i, { score }] of results.slice(0, 20).entries()) expect(score).toBeCloseTo(best[i]!.score, 12);
    }
  });

  it("finds nothing worse with more beams that are all followed to the end", () => {
    for (let seed = 0; seed < 20; seed++) {
      const at = (beams: number) =>
        search({ beams, maxTokens: 5, lengthPenalty: 0, earlyStopping: "never", endTokens: 1 }, seed).results[0]!.score;
      expect(at(700)).toBeGreaterThanOrEqual(at(3));
      expect(at(700)).toBeCloseTo(everything(seed, 5, 0)[0]!.score, 12);
    }
  });

  it("is greedy with one beam and no token that ends a text", () => {
    const beams = new BeamSearch({ beams: 1, maxTokens: 6, lengthPenalty: 1, earlyStopping: false, endTokens: 0 }, "");
    let greedy = "";
    while (!beams.done) {
      const { text } = beams.running[0]!;
      expect(text).toBe(greedy);
      const scores = scoresOf(text, 3);
      greedy += [...scores.keys()].reduce((best, token) => (scores[token]! > scores[best]! ? token : best));
      beams.step({ scores: [scores], extend: (before, token) => ({ text: `${before}${token}`, ends: false }) });
    }
    expect(beams.results.map(({ text }) => text)).toEqual([greedy]);
    expect(greedy).toHaveLength(6);
  });

  it("follows what is left where tokens are ruled out", () => {
    const beams = new BeamSearch({ beams: 3, maxTokens: 2, lengthPenalty: 1, earlyStopping: false, endTokens: 1 }, "");
    const only = (token: number) => Float64Array.from({ length: VOCABULARY }, (_, v) => (v === token ? 0 : -Infinity));
    const extend = (text: string, token: number) => ({ text: `${text}${token}`, ends: false });
    beams.step({ scores: [only(2)], extend });
    expect(beams.running.map(({ text }) => text)).toEqual(["2"]);
    beams.step({ scores: [only(4)], extend });
    expect([beams.done, beams.running, beams.results]).toEqual([true, [], [{ score: 0, text: "24" }]]);
  });
});
