import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { argmax, logSumExp } from "../logits.ts";
import type { ProcessedRow } from "../processor.ts";
import { type PlanContext, steeringPart } from "./part.ts";

const schema = z.strictObject({
  candidates: z
    .union([
      z.enum(["low", "high"]),
      z
        .array(z.int().min(0))
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
});
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
      let probabilities = new Float64Array();
      return {
        apply(rows) {
          for (const row of rows) {
            if (probabilities.length !== row.scores.length) probabilities = new Float64Array(row.scores.length);
            contrast(row, probabilities);
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

function contrast({ settings, scores, exit, note }: ProcessedRow<Settings>, probabilities: Float64Array): void {
  const ofScores = logSumExp(scores);
  const least = scores[argmax(scores)]! - ofScores + Math.log(settings.relativeTop);
  for (let token = 0; token < scores.length; token++) {
    scores[token]! -= ofScores;
    probabilities[token] = Math.exp(scores[token]!);
  }
  let [layer, largest] = [settings.candidates[0]!, Number.NEGATIVE_INFINITY];
  for (const candidate of settings.candidates.length === 1 ? [] : settings.candidates) {
    const divergence = divergenceOf(scores, probabilities, exit(candidate - 1));
    if (divergence > largest) [layer, largest] = [candidate, divergence];
  }
  const premature = exit(layer - 1);
  const ofPremature = logSumExp(premature);
  for (let token = 0; token < scores.length; token++) {
    const score = scores[token]!;
    scores[token] = score < least ? Number.NEGATIVE_INFINITY : score - (premature[token]! - ofPremature);
  }
  note?.({ layers: { layer } });
}

/** KL(m ‖ p) + KL(m ‖ q), given log p, p and the logits of q. */
function divergenceOf(logs: Float64Array, probabilities: Float64Array, logits: Float32Array): number {
  const normaliser = logSumExp(logits);
  let sum = 0;
  for (let token = 0; token < logs.length; token++) {
    const log = logits[token]! - normaliser;
    const mean = (probabilities[token]! + Math.exp(log)) / 2;
    if (mean > 0) sum += mean * (2 * Math.log(mean) - logs[token]! - log);
  }
  return sum;
}
