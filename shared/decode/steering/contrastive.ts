import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ProcessedRow } from "../processor.ts";
import { type CompanionRow, type PlanContext, steeringPart } from "./part.ts";
import { planSide, Side, type SidePlan, sideReferences, temperature } from "./side.ts";

const EXPERT = "contrastive.expert";
const AMATEUR = "contrastive.amateur";

const schema = z
  .strictObject({
    expert: Side.optional().meta({ description: "Left out: the distribution that the parts before this one left" }),
    amateur: Side.meta({ description: "What is subtracted" }),
    alpha: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .meta({ description: "Tokens less likely than this share of the expert's likeliest are ruled out; 0: none" }),
    temperature: temperature
      .default(0.5)
      .meta({ description: "The amateur's, unless it has one of its own; low ones sharpen what is avoided" }),
    strength: z
      .number()
      .min(0)
      .max(LIMITS.contrastStrength)
      .optional()
      .meta({ description: "β in (1 + β) · expert − β · amateur; left out: expert − amateur" }),
  })
  .meta({ description: "Contrastive decoding: subtracts what an amateur thinks" });
type Asked = z.infer<typeof schema>;

interface Settings {
  /** Whether a companion is the expert, rather than the distribution so far. */
  readonly hasExpert: boolean;
  readonly expertTemperature: number;
  readonly amateurTemperature: number;
  readonly alpha: number;
  /** What the two log-probabilities are multiplied by. */
  readonly weights: readonly [expert: number, amateur: number];
}

/**
 * Contrastive decoding: log p_expert − log p_amateur over the tokens with p_expert ≥ alpha · max p_expert, Li et al. 2023; with
 * `strength` β, (1 + β) log p_expert − β log p_amateur, O'Brien and Lewis 2023. With β, `alpha` 0 and an amateur at
 * temperature 1 that does not see the context, it is context-aware decoding, Shi et al. 2024.
 *
 * The plausible tokens are chosen among those that the parts before it left, so that one remains.
 */
export const contrastive = steeringPart<Asked, Settings>({
  schema,
  isNeutral: ({ expert, alpha, strength }) => expert === undefined && alpha === 0 && strength === 0,
  references: ({ expert, amateur }) => [
    ...(expert === undefined ? [] : sideReferences(expert, EXPERT)),
    ...sideReferences(amateur, AMATEUR),
  ],
  plan(asked, context) {
    const expert = asked.expert === undefined ? undefined : planSide(asked.expert, EXPERT, context);
    const amateur = planSide(asked.amateur, AMATEUR, context);
    refuseTheSame(expert, amateur, { context, temperature: asked.temperature });
    const { alpha, strength } = asked;
    return {
      settings: {
        hasExpert: expert !== undefined,
        expertTemperature: expert?.temperature ?? 1,
        amateurTemperature: amateur.temperature ?? asked.temperature,
        alpha,
        weights: strength === undefined ? [1, 1] : [1 + strength, strength],
      },
      companions: [...(expert === undefined ? [] : [rowOf(EXPERT, expert)]), rowOf(AMATEUR, amateur)],
    };
  },
  processor: {
    isNeutral: ({ hasExpert, alpha, weights: [, ofAmateur] }) => !hasExpert && alpha === 0 && ofAmateur === 0,
    create: () => ({
      apply(rows) {
        for (const row of rows) contrast(row);
      },
    }),
  },
});

const rowOf = (role: string, { model, prompt }: SidePlan): CompanionRow => ({ role, model, prompt });

/** The temperature that all amateurs have says nothing about which of the two is meant to be worse: a side must state its own. */
function refuseTheSame(
  expert: SidePlan = { model: "own", prompt: { kind: "own" }, temperature: undefined },
  amateur: SidePlan,
  { context, temperature }: { readonly context: PlanContext; readonly temperature: number },
): void {
  if (!context.same(expert.model, amateur.model)) return;
  if (JSON.stringify(expert.prompt) !== JSON.stringify(amateur.prompt)) return;
  const stated = expert.temperature ?? amateur.temperature;
  if (stated !== undefined && (expert.temperature ?? 1) !== (amateur.temperature ?? temperature)) return;
  const message =
    "The amateur is the expert itself: name another model or delta, a message to leave out of its prompt, or a `temperature` of its own.";
  throw new TrimtabError("invalid_request", message, { param: AMATEUR });
}

function contrast({ settings, scores, logits }: ProcessedRow<Settings>): void {
  const { hasExpert, expertTemperature, amateurTemperature, alpha, weights } = settings;
  const expert = hasExpert ? logits(EXPERT) : scores;
  const amateur = logits(AMATEUR);
  // Logits stand for the logarithms, since their normalisers would only add a constant to all scores.
  let least = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < scores.length; token++) {
    if (scores[token] !== Number.NEGATIVE_INFINITY) least = Math.max(least, expert[token]!);
  }
  least += expertTemperature * Math.log(alpha);
  const [ofExpert, ofAmateur] = [weights[0] / expertTemperature, weights[1] / amateurTemperature];
  for (let token = 0; token < scores.length; token++) {
    if (scores[token] === Number.NEGATIVE_INFINITY) continue;
    const logit = expert[token]!;
    scores[token] = logit < least ? Number.NEGATIVE_INFINITY : ofExpert * logit - ofAmateur * amateur[token]!;
  }
}
