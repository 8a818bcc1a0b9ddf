import { describe, expect, it } from "vitest";
import type { ProbedToken, RowState } from "../../../../shared/decode/processor.ts";
import { classifier } from "../../../../shared/decode/steering/classifier.ts";
import { classLogits, logSoftmax } from "../../../../shared/delta/scorer-values.ts";
import { planned } from "../../../contract/steering-cases.ts";
import { logitsOf, SCORERS, VOCABULARY, viewOf } from "../../../contract/steering-model.ts";
import { processedRow } from "../processing.ts";

const TONE = SCORERS.tone!;
interface Attribute {
  readonly label: string;
  readonly strength: number;
  readonly probability?: number;
  readonly value?: number;
}

/** Decodes greedily; gives what was noted and probed in each step, and the scores of the last. */
function decode(asked: object[], steps: number) {
  const settings = planned("classifier", asked).settings as never;
  const processor = classifier.processor.create();
  const generated: number[] = [];
  const row: RowState = { role: "leader", prompt: [6], generated };
  const notes: Attribute[][] = [];
  const probed: { role: string; tokens: readonly number[] }[][] = [];
  let scores = new Float64Array();
  for (let n = 0; n < steps; n++) {
    const view = viewOf(row);
    const ofStep: (typeof probed)[number] = [];
    probed.push(ofStep);
    scores = Float64Array.from(logitsOf(row));
    const given = processedRow<never>({
      ...view,
      row,
      settings,
      scores,
      logits: (role) => (role === undefined ? logitsOf(row) : view.logits(role)),
      probe(role, tokens, visit: (each: ProbedToken) => void) {
        ofStep.push({ role, tokens: [...tokens] });
        view.probe(role, tokens, visit);
      },
      note: (facts) => void notes.push((facts as { classifier: Attribute[] }).classifier),
    });
    processor.apply([given]);
    generated.push(scores.indexOf(Math.max(...scores)));
  }
  return { notes, probed, scores, generated };
}

const kind = (more: object) => ({ id: "tone", label: "kind", mode: "lookahead", ...more });

describe("looking ahead", () => {
  it("tries the likeliest tokens, as many as the attribute that wants most, and rules out the others", () => {
    const { probed, scores } = decode([kind({ top_k: 3 }), kind({ id: "mood", label: "sad", top_k: 5 })], 1);
    const own = logitsOf({ role: "leader", prompt: [6], generated: [] });
    const likeliest = [...own.keys()].sort((a, b) => own[b]! - own[a]!).slice(0, 5);
    expect(probed[0]).toEqual([
      { role: "classifier[0]", tokens: likeliest },
      { role: "classifier[1]", tokens: likeliest },
    ]);
    expect([...scores.keys()].filter((token) => Number.isFinite(scores[token])).sort()).toEqual(likeliest.sort());
  });

  it("tries them once for all attributes of one classifier", () => {
    const { probed, scores } = decode([kind({}), kind({ label: "rude" })], 1);
    expect(probed[0]).toHaveLength(1);
    // log p(kind) + log p(rude), at the scorer's temperature.
    const row = { role: "leader", prompt: [6], generated: [] };
    viewOf(row).probe("classifier[0]", [9], ({ final }) => {
      const logs = logSoftmax(classLogits(TONE, final).map((logit) => logit / 1.5));
      const expected = logitsOf(row)[9]! + logs[0]! + logs[1]!;
      if (Number.isFinite(scores[9])) expect(scores[9]).toBeCloseTo(expected, 10);
    });
    expect(Number.isFinite(scores[9])).toBe(true);
  });

  it("tries no more than the vocabulary has, and nothing while λ is 0", () => {
    expect(decode([kind({ top_k: 200 })], 1).probed[0]![0]!.tokens).toHaveLength(VOCABULARY);
    expect(decode([kind({ strength: 0, target: 0.5 })], 1).probed[0]).toEqual([]);
  });

  it("comes after what judges every token", () => {
    const first = decode([kind({ mode: "token_values", strength: 50 }), kind({ top_k: 4 })], 1);
    const only = decode([kind({ mode: "token_values", strength: 50 })], 1).scores;
    const best = [...only.keys()].sort((a, b) => only[b]! - only[a]!).slice(0, 4);
    expect(first.probed[0]![0]!.tokens).toEqual(best);
  });
});

describe("notes", () => {
  it.each(["lookahead", "class_rows", "token_values"])("say λ and how probable the class is so far: %s", (mode) => {
    const { notes } = decode([kind({ mode, strength: 2 })], 3);
    for (const [note] of notes) {
      expect(note).toMatchObject({ id: "tone", label: "kind", strength: 2 });
      expect(note!.probability).toBeGreaterThan(0);
      expect(note!.probability).toBeLessThan(1);
    }
    expect(new Set(notes.map(([note]) => note!.probability)).size).toBe(3);
  });

  it("give a reward's value instead", () => {
    const { notes } = decode([{ id: "reward", label: "value", mode: "token_values" }], 1);
    const final = viewOf({ role: "leader", prompt: [6], generated: [] }).final("classifier[0]");
    expect(notes[0]![0]!.value).toBeCloseTo(classLogits(SCORERS.reward!, final)[0]! / 0.8, 12);
    expect(notes[0]![0]).not.toHaveProperty("probability");
  });
});

it("λ follows the probability of the text before each token, from the second on", () => {
  const { notes } = decode([kind({ mode: "token_values", strength: 3, target: 0.9 })], 5);
  const logit = (p: number) => Math.log(p / (1 - p));
  let expected = 3;
  for (const [n, [note]] of notes.entries()) {
    if (n > 0) {
      const error = Math.min(4, Math.max(-4, logit(0.9) - logit(note!.probability!)));
      expected = Math.min(10, Math.max(0, expected + 0.25 * error));
    }
    expect(note!.strength).toBeCloseTo(expected, 10);
  }
  expect(new Set(notes.map(([note]) => note!.strength)).size).toBeGreaterThan(3);
});

it("adds a reward to every score, at the scorer's temperature", () => {
  const asked = (strength: number) => [{ id: "reward", label: "value", mode: "token_values", strength }];
  const [once, twice] = [decode(asked(1), 1).scores, decode(asked(2), 1).scores];
  const own = logitsOf({ role: "leader", prompt: [6], generated: [] });
  for (const [token, logit] of own.entries()) {
    expect(twice[token]! - once[token]!).toBeCloseTo(once[token]! - logit, 10);
  }
  expect(once[3]! - own[3]!).not.toBeCloseTo(once[4]! - own[4]!, 3);
});
