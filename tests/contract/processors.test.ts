import { describe, expect, it } from "vitest";
import { LEADER, type RowState } from "../../shared/decode/processor.ts";
import { type DecodeSettings, PROCESSORS, type ProcessorName, type SettingsOf } from "../../shared/decode/registry.ts";
import { type SampleRequest, Sampler } from "../../shared/decode/sampler.ts";
import { STEERING_NAMES, type SteeringName } from "../../shared/decode/steering/registry.ts";
import { createRandom, type Random } from "../../shared/random.ts";
import { compileRule } from "../../shared/rules/compile.ts";
import { createVocabulary } from "../../shared/rules/vocabulary.ts";
import { processedRow } from "../shared/decode/processing.ts";
import { plannedCases } from "./steering-cases.ts";
import { logitsOf, VOCABULARY, viewOf } from "./steering-model.ts";

/** Tokens a to v, and one that ends the text. */
const LETTERS = createVocabulary({
  size: VOCABULARY,
  bytesOf: (token) => Uint8Array.of(0x61 + token),
  control: new Map([["<end>", VOCABULARY - 1]]),
  endTokens: [VOCABULARY - 1],
});
const plannedSteering = Object.fromEntries(STEERING_NAMES.map((name) => [name, plannedCases(name)])) as {
  readonly [N in SteeringName]: { neutral: SettingsOf<N>[]; active: SettingsOf<N>[] };
};

/**
 * For every processor: settings that change nothing, and some that change something. A new row needs an entry here, unless it
 * waits for something outside the batch: `follow` and `scorer` have these tests in their twins.
 */
const CASES: {
  readonly [N in Exclude<ProcessorName, "follow" | "scorer">]: { neutral: SettingsOf<N>[]; active: SettingsOf<N>[] };
} = {
  bias: {
    neutral: [[], [[4, 0]]],
    active: [
      [[3, 2.5]],
      [
        [0, -100],
        [1, -100],
        [9, 100],
      ],
    ],
  },
  penalties: {
    neutral: [{ presence: 0, frequency: 0 }],
    active: [
      { presence: 1.5, frequency: 0 },
      { presence: -0.5, frequency: 2 },
    ],
  },
  minTokens: {
    neutral: [
      { tokens: 0, endTokens: [1, 2] },
      { tokens: 9, endTokens: [] },
    ],
    active: [
      { tokens: 5, endTokens: [4, 7, 11] },
      { tokens: 99, endTokens: Array.from({ length: 23 }, (_, token) => token).filter((token) => token !== 3) },
    ],
  },
  repetition: { neutral: [1], active: [1.4, 0.6, 10] },
  rules: {
    neutral: [{ rule: null }],
    active: [
      { rule: compileRule({ regex: "[a-h]*" }, LETTERS) },
      { rule: compileRule({ sequence: [{ regex: "c*" }, { regex: "f[^f]*" }] }, LETTERS) },
      { rule: compileRule(null, LETTERS, { banned: ["a", "hh"], required: ["gig"] }), maxTokens: 9 },
    ],
  },
  topK: { neutral: [0, -1], active: [1, 2, 7] },
  minP: { neutral: [0], active: [0.1, 0.5, 1] },
  temperature: { neutral: [1], active: [0.3, 1.7, 1e-12] },
  nucleus: { neutral: [1], active: [0.9, 0.5, 1e-9] },
  ...plannedSteering,
};

interface Row {
  readonly state: RowState & { readonly generated: number[] };
  readonly settings: DecodeSettings;
  readonly random: Random;
}

function newRow(seed: number, settings: DecodeSettings): Row {
  const state = { role: LEADER, prompt: [seed % VOCABULARY], generated: [] };
  return { state, settings, random: createRandom(seed, "row") };
}

function request({ state, settings, random }: Row): SampleRequest {
  return { row: state, settings, logits: logitsOf(state), view: viewOf(state), uniform: () => random.float() };
}

function step(sampler: Sampler, rows: readonly Row[]): void {
  const samples = sampler.sampleNow(rows.map(request));
  for (const [i, { token }] of samples.entries()) rows[i]!.state.generated.push(token);
}

function alone(seed: number, settings: DecodeSettings, steps: number): number[] {
  const row = newRow(seed, settings);
  const sampler = new Sampler();
  sampler.update({ removed: [], added: [{ row: row.state, slot: 0 }], moved: [] });
  for (let n = 0; n < steps; n++) step(sampler, [row]);
  return row.state.generated;
}

const withOnly = (name: string, settings: unknown): DecodeSettings => ({ greedy: false, [name]: settings });

describe.each(Object.entries(CASES))("processor %s", (name, { neutral, active }) => {
  it("changes nothing, bit for bit, with neutral settings", () => {
    for (const settings of neutral) {
      for (let seed = 0; seed < 20; seed++) {
        const [plain, same] = [newRow(seed, { greedy: false }), newRow(seed, withOnly(name, settings))];
        expect(new Sampler().sampleNow([request(same)])).toEqual(new Sampler().sampleNow([request(plain)]));
      }
    }
  });

  it("changes what is drawn when asked to", () => {
    for (const settings of active) {
      const changed = Array.from({ length: 20 }, (_, seed) => seed).filter((seed) => {
        return String(alone(seed, withOnly(name, settings), 8)) !== String(alone(seed, { greedy: false }, 8));
      });
      expect(changed.length, JSON.stringify(settings)).toBeGreaterThan(0);
    }
  });

  it("is deterministic under a seed", () => {
    for (const settings of active) {
      expect(alone(5, withOnly(name, settings), 12)).toEqual(alone(5, withOnly(name, settings), 12));
    }
  });

  it("gives a finite score to at least one token, and none that is not a number", () => {
    const kind = PROCESSORS[name as ProcessorName];
    for (const settings of active) {
      for (const logits of [new Float32Array(VOCABULARY), logitsOf(newRow(3, { greedy: false }).state)]) {
        const scores = Float64Array.from(logits);
        const row = { role: LEADER, prompt: [1], generated: [2, 2, 5] };
        const view = viewOf(row);
        const given = {
          ...view,
          row,
          settings,
          scores,
          logits: (role?: string) => (role ? view.logits(role) : logits),
        };
        kind.create().apply([processedRow(given) as never]);
        expect(scores.some(Number.isFinite)).toBe(true);
        expect(scores.some((score) => Number.isNaN(score) || score === Number.POSITIVE_INFINITY)).toBe(false);
      }
    }
  });
});

describe("every processor in one batch", () => {
  it("gives each row what it gets alone, while rows join, leave and move at every step", () => {
    const random = createRandom(11, "schedule");
    const settings = Object.entries(CASES).flatMap(([name, { active }]) => active.map((one) => withOnly(name, one)));
    const all = [...settings, { greedy: true, penalties: { presence: 1, frequency: 1 } }, { greedy: false }];
    const sampler = new Sampler();
    const rows: { readonly row: Row; readonly seed: number; readonly length: number }[] = [];
    let [nextSeed, finished] = [0, 0];
    while (finished < 120) {
      const added: { row: RowState; slot: number }[] = [];
      while (rows.length < 6 && random.float() < 0.6) {
        const seed = nextSeed++;
        const row = newRow(seed, all[seed % all.length]!);
        added.push({ row: row.state, slot: rows.length });
        rows.push({ row, seed, length: 1 + random.below(9) });
      }
      sampler.update({ removed: [], added, moved: [] });
      step(
        sampler,
        rows.map(({ row }) => row),
      );
      for (let slot = rows.length - 1; slot >= 0; slot--) {
        const { row, seed, length } = rows[slot]!;
        if (row.state.generated.length < length) continue;
        expect(row.state.generated).toEqual(alone(seed, row.settings, length));
        finished++;
        const mover = rows.pop()!;
        const moved = slot === rows.length ? [] : [{ row: mover.row.state, from: rows.length, to: slot }];
        if (slot < rows.length) rows[slot] = mover;
        sampler.update({ removed: [row.state], added: [], moved });
      }
    }
  });
});
