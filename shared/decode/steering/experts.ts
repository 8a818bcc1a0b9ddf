import { z } from "zod";
import { LIMITS } from "../../limits.ts";
import { nucleusCut } from "../processors/nucleus.ts";
import { steeringPart } from "./part.ts";
import { modelAt, modelId } from "./side.ts";

const TOP_P = 0.9;

const members = z
  .array(
    z.strictObject({
      id: modelId.meta({ description: "`base`, or a model or delta" }),
      weight: z
        .number()
        .min(-LIMITS.expertWeight)
        .max(LIMITS.expertWeight)
        .meta({ description: "Above 0 for an expert, below 0 for an anti-expert" }),
    }),
  )
  .min(1)
  .max(LIMITS.experts)
  .refine(
    (all) => new Set(all.map(({ id }) => id)).size === all.length,
    "must name each expert once; add up its weights",
  );

const schema = z
  .union([
    members,
    z.strictObject({
      members: members.meta({ description: "The experts and anti-experts" }),
      top_p: z
        .number()
        .gt(0)
        .max(1)
        .default(TOP_P)
        .meta({ description: "The nucleus that the experts choose from; 1: all tokens" }),
    }),
  ])
  .meta({ description: "Adds and subtracts what other models think (DExperts); a list has the default `top_p`" });
type Asked = z.infer<typeof schema>;

interface Settings {
  readonly experts: readonly { readonly role: string; readonly weight: number }[];
  readonly topP: number;
}

/**
 * DExperts: log p + Σ wᵢ (log pᵢ − log p_own) over the nucleus of p. p is the distribution so far, p_own the model's own and pᵢ
 * an expert's. Liu et al. 2021.
 *
 * With weights that sum to 0 this is the paper's z + α (z⁺ − z⁻) up to a constant; with one expert or one anti-expert, it is what
 * the authors' code makes of it, with the model itself in the place of the other.
 */
export const experts = steeringPart<Asked, Settings>({
  schema,
  isNeutral: (asked) => membersOf(asked).every(({ weight }) => weight === 0),
  references: (asked) =>
    membersOf(asked).flatMap(({ id, at }) => (id === "base" ? [] : [{ at, id, weight: 1, kind: "model" as const }])),
  plan(asked) {
    const used = membersOf(asked).filter(({ weight }) => weight !== 0);
    return {
      settings: {
        experts: used.map(({ role, weight }) => ({ role, weight })),
        topP: Array.isArray(asked) ? TOP_P : asked.top_p,
      },
      companions: used.map(({ role, id, at }) => ({ role, model: modelAt(id, at), prompt: { kind: "own" } })),
    };
  },
  processor: {
    isNeutral: (settings) => settings.experts.length === 0,
    create() {
      const cut = nucleusCut();
      return {
        apply(rows) {
          for (const { settings, scores, logits } of rows) {
            if (settings.topP < 1) cut(scores, settings.topP);
            const own = logits();
            // Logits stand for the logarithms, since their normalisers would only add a constant to all scores.
            for (const { role, weight } of settings.experts) {
              const expert = logits(role);
              for (let token = 0; token < scores.length; token++) {
                if (scores[token] === Number.NEGATIVE_INFINITY) continue;
                scores[token]! += weight * (expert[token]! - own[token]!);
              }
            }
          }
        },
      };
    },
  },
});

/** Every expert with its place in the request and the role of its row. */
function membersOf(asked: Asked) {
  const [all, at] = Array.isArray(asked) ? [asked, "experts"] : [asked.members, "experts.members"];
  return all.map(({ id, weight }, i) => ({ id, weight, role: `experts[${i}]`, at: `${at}[${i}].id` }));
}
