import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { argmax, logSumExp } from "../../shared/decode/logits.ts";
import { STEERING } from "../../shared/decode/steering/registry.ts";
import { parseSafetensors, toF32 } from "../../shared/formats/safetensors.ts";
import { type GoldenCase, type GoldenStep, scoresOf } from "../shared/decode/steering/golden-steering.ts";

interface GreedyCase extends Omit<GoldenCase, "steps"> {
  readonly name: string;
  readonly exits: readonly number[];
  readonly rows: Readonly<Record<string, unknown>>;
  readonly tokens: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const golden = (ending: string) => readFileSync(new URL(`../golden/decode/steering-greedy.${ending}`, import.meta.url));
const { cases } = JSON.parse(golden("json").toString()) as { cases: GreedyCase[] };
const { tensors } = parseSafetensors(golden("safetensors"));

/** One step's part of a tensor [T, …]. */
function at(name: string, step: number): Float32Array {
  const tensor = tensors.get(name)!;
  const size = tensor.shape.slice(1).reduce((product, each) => product * each, 1);
  return toF32(tensor.part(step * size, (step + 1) * size));
}

/** Rows of a matrix by their numbers. */
function byToken(states: Float32Array, width: number): Record<number, Float32Array> {
  const count = states.length / width;
  return Object.fromEntries(
    Array.from({ length: count }, (_, token) => [token, states.subarray(token * width, (token + 1) * width)]),
  );
}

function stepsOf({ name, rows, exits, tokens }: GreedyCase): GoldenStep[] {
  const roles = (kind: string) => Object.keys(rows).filter((role) => tensors.has(`${name}.${kind}.${role}`));
  return tokens.map((chosen, step) => {
    const byRole = (kind: string) =>
      Object.fromEntries(roles(kind).map((role) => [role, at(`${name}.${kind}.${role}`, step)]));
    const probed = Object.entries(byRole("probed")).map(([role, states]) => {
      return [role, byToken(states, tensors.get(`${name}.probed.${role}`)!.shape[2]!)] as const;
    });
    return {
      chosen,
      logits: byRole("logits"),
      exits: Object.fromEntries(exits.map((layer) => [layer, at(`${name}.exit.${layer}`, step)])),
      finals: byRole("final"),
      probed: Object.fromEntries(probed),
    };
  });
}

describe("40 tokens of greedy decoding, from what the rows computed", () => {
  // A gradient is no function of what rows computed: tests/edge/runtime/perturbed-text.test.ts decodes with it.
  it("has a text of every part that reads what rows computed", () => {
    const { gradient: _, ...reading } = STEERING;
    expect(new Set(cases.map(({ part }) => part))).toEqual(new Set(Object.keys(reading)));
  });

  it.each(cases)("chooses the reference's tokens with its probabilities: $name", (text) => {
    expect(text.tokens.length).toBe(40);
    const steps = stepsOf(text);
    for (const [i, scores] of scoresOf(text, steps).entries()) {
      const token = text.tokens[i]!;
      expect(argmax(scores)).toBe(token);
      expect(Math.abs(Math.exp(scores[token]! - logSumExp(scores)) - text.after[i]!)).toBeLessThan(1e-5);
      const own = steps[i]!.logits[""]!;
      expect(Math.abs(Math.exp(own[token]! - logSumExp(own)) - text.before[i]!)).toBeLessThan(1e-5);
    }
  });
});
