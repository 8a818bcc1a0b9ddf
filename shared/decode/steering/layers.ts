import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { argmax } from "../logits.ts";
import type { ProcessedRow } from "../processor.ts";
import { type PlanContext, steeringPart } from "./part.ts";

const schema = z
  .strictObject({
    candidates: z
      .union([
        z.enum(["low", "high"]),
        z
          .array(z.int().min(0).max(LIMITS.layer))
          .min(1)
          .max(LIMITS.exits)
          .refine((layers) => new Set(layers).size === layers.length, "must differ from each other"),
      ])
      .default("low")
      .meta({
        description:
          "Every second layer of the lower or the upper half, or these: 0 is the embedding, n the stream after n layers",
      }),
    relative_top: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .meta({ description: "Tokens less likely than this share of the likeliest are ruled out" }),
  })
  .meta({ description: "Contrasts the model with what its earlier layers would say (DoLa)" });
type Asked = z.infer<typeof schema>;

interface Settings {
  /** How many layers the stream has passed, 0 for the embedding. */
  readonly candidates: readonly number[];
  readonly relativeTop: number;
}

/**
 * DoLa, decoding by contrasting layers: log p − log q over the tokens with p ≥ relative_top · max p. p is the distribution so
 * far, q what the head makes of the residual stream of the candidate layer that diverges most from p. Chuang et al. 2024.
 *
 * It follows the authors' code and transformers where these differ from the paper: the stream goes to the head without the
 * model's last norm, and the divergence is ½ KL(m ‖ p) + ½ KL(m ‖ q) with m = ½ (p + q), where the paper has the Jensen-Shannon
 * divergence, ½ KL(p ‖ m) + ½ KL(q ‖ m). `low` and `high` are transformers' too.
 */
export const layers = steeringPart<Asked, Settings>({
  schema,
  isNeutral: () => false,
  plan({ candidates: asked, relative_top: relativeTop }, context) {
    const candidates = typeof asked === "string" ? half(asked, context) : known(asked, context);
    return { settings: { candidates, relativeTop }, takes: { exits: candidates.map((passed) => passed - 1) } };
  },
  processor: {
    isNeutral: () => false,
    create() {
      let buffers: Buffers = { own: new Float64Array(), other: new Float64Array() };
      return {
        apply(rows) {
          for (const row of rows) {
            const { length } = row.scores;
            if (buffers.own.length !== length)
              buffers = { own: new Float64Array(length), other: new Float64Array(length) };
            contrast(row, buffers);
          }
        },
      };
    },
  },
});

/** transformers' ranges for models of up to 40 layers, and for deeper ones. A tied head only gives the embedding back. */
function half(which: "low" | "high", { layers: count, tiedHead }: PlanContext): number[] {
  const middle = Math.floor(count / 2);
  if (which === "high") return everySecond(count > 40 ? count - 20 : middle, count);
  const first = tiedHead ? Math.min(2, count - 1) : 0;
  const found = everySecond(first, count > 40 ? 20 : middle);
  return found.length === 0 ? [first] : found;
}

function everySecond(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / 2)) }, (_, i) => from + 2 * i);
}

function known(asked: readonly number[], { layers: count }: PlanContext): readonly number[] {
  const at = asked.findIndex((passed) => passed >= count);
  if (at === -1) return asked;
  const message = `The model has ${count} layers, and the last is what the others are contrasted with: name layers from 0 to ${count - 1}.`;
  throw new TrimtabError("invalid_request", message, { param: `layers.candidates[${at}]` });
}

interface Buffers {
  /** [V] */
  readonly own: Float64Array;
  readonly other: Float64Array;
}

function contrast({ settings, scores, exit, note }: ProcessedRow<Settings>, { own, other }: Buffers): void {
  const { candidates, relativeTop } = settings;
  const least = scores[argmax(scores)]! + Math.log(relativeTop);
  let [layer, largest] = [candidates[0]!, Number.NEGATIVE_INFINITY];
  if (candidates.length > 1) {
    const ofScores = softmax(scores, own);
    for (const candidate of candidates) {
      const logits = exit(candidate - 1);
      const ofLogits = softmax(logits, other);
      let divergence = 0;
      for (let token = 0; token < scores.length; token++) {
        const mean = (own[token]! + other[token]!) / 2;
        if (mean === 0) continue;
        divergence += mean * (2 * Math.log(mean) - (scores[token]! - ofScores) - (logits[token]! - ofLogits));
      }
      if (divergence > largest) [layer, largest] = [candidate, divergence];
    }
  }
  // Logits stand for the logarithms, since their normalisers would only add a constant to all scores.
  const premature = exit(layer - 1);
  for (let token = 0; token < scores.length; token++) {
    const score = scores[token]!;
    scores[token] = score < least ? Number.NEGATIVE_INFINITY : score - premature[token]!;
  }
  note?.({ layers: { layer } });
}

/** Sets `probabilities` [V]; gives the normaliser of the logarithms. */
function softmax(logits: ArrayLike<number>, probabilities: Float64Array): number {
  const highest = logits[argmax(logits)]!;
  let sum = 0;
  for (let token = 0; token < logits.length; token++) {
    const weight = Math.exp(logits[token]! - highest);
    probabilities[token] = weight;
    sum += weight;
  }
  for (let token = 0; token < logits.length; token++) probabilities[token]! /= sum;
  return highest + Math.log(sum);
}
