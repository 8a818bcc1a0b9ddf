import { z } from "zod";
import { LIMITS } from "../../limits.ts";
import { steeringPart } from "./part.ts";

const ROLE = "guidance";

const schema = z
  .strictObject({
    negative_prompt: z
      .string()
      .max(LIMITS.negativePrompt)
      .optional()
      .meta({ description: "What the text shall not follow; left out: the text with no prompt but its last token" }),
    scale: z
      .number()
      .min(0)
      .max(LIMITS.guidanceScale)
      .default(1.5)
      .meta({ description: "γ: 1 changes nothing, above 1 moves away from the negative prompt" }),
  })
  .meta({ description: "Classifier-free guidance: moves away from a negative prompt" });

/**
 * Classifier-free guidance: log p⁻ + γ (log p − log p⁻), p the distribution so far and p⁻ that after the negative prompt. Sanchez
 * et al. 2023, as in transformers. In a chat, the negative prompt takes the place of the system messages.
 */
export const guidance = steeringPart<z.infer<typeof schema>, number>({
  schema,
  isNeutral: ({ scale }) => scale === 1,
  plan: ({ negative_prompt: text = null, scale }) => ({
    settings: scale,
    companions: [{ role: ROLE, model: "own", prompt: { kind: "instead", text } }],
  }),
  processor: {
    isNeutral: (scale) => scale === 1,
    create: () => ({
      apply(rows) {
        for (const { settings: scale, scores, logits } of rows) {
          const negative = logits(ROLE);
          // Logits stand for the logarithms, since their normalisers would only add a constant to all scores.
          for (let token = 0; token < scores.length; token++) {
            // What earlier parts ruled out stays out; 0 · −∞ would be no number.
            if (scores[token] === Number.NEGATIVE_INFINITY) continue;
            const without = negative[token]!;
            scores[token] = without + scale * (scores[token]! - without);
          }
        }
      },
    }),
  },
});
