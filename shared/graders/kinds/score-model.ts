import { z } from "zod";
import { LIMITS } from "../../limits.ts";
import { flawed, graderKind } from "../kind.ts";
import { graderName, passThreshold } from "./fields.ts";
import { checkMessages, graderMessages, renderMessages } from "./messages.ts";

const RANGE: readonly [number, number] = [0, 1];
const bound = z.number().min(-1e9).max(1e9);

const samplingParams = z.strictObject({
  temperature: z
    .number()
    .min(0)
    .max(2)
    .optional()
    .meta({ description: "0 by default, so that a grade can be had again" }),
  top_p: z.number().gt(0).max(1).optional(),
  seed: z.int().optional(),
  max_completions_tokens: z.int().min(1).max(LIMITS.maxTokens).optional(),
  reasoning_effort: z.literal("none", 'is not supported by this server; remove it or send "none"').optional(),
});

/** A number that a model says. The answer is held to a number within the range, so only one that is cut short is not. */
export const scoreModel = graderKind({
  type: "score_model",
  schema: z
    .strictObject({
      type: z.literal("score_model"),
      name: graderName,
      passThreshold,
      model: z.string().min(1).max(300),
      input: graderMessages,
      range: z
        .array(bound)
        .length(2)
        .refine(([low = 0, high = 0]) => low < high, "must be two numbers, the smaller one first")
        .optional()
        .meta({ description: "Of the score; [0, 1] by default. The model's answer is held to a number within it" }),
      sampling_params: samplingParams.optional(),
      pass_threshold: passThreshold,
    })
    .meta({ id: "ScoreModelGrader" }),
  check: ({ input }, at) => checkMessages(input, at),
  models: ({ model }, at) => [{ model, param: `${at}.model` }],
  async grade({ model, input, range = RANGE, sampling_params: asked = {} }, context) {
    const { at, ask, observation } = context;
    const messages = renderMessages(input, { observation, list: `${at}.input` });
    if ("flaw" in messages) return flawed(messages.flaw);
    const [minimum = RANGE[0], maximum = RANGE[1]] = range;
    const sampling = {
      temperature: asked.temperature ?? 0,
      ...(asked.top_p === undefined ? {} : { topP: asked.top_p }),
      ...(asked.seed === undefined ? {} : { seed: asked.seed }),
      ...(asked.max_completions_tokens === undefined ? {} : { maxTokens: asked.max_completions_tokens }),
    };
    const spec = { json_schema: { type: "number", minimum, maximum } };
    const answer = await ask({ model, messages, sampling, rule: { spec, param: `${at}.range` }, at });
    const usage = answer.usage === undefined ? [] : ([[model, answer.usage]] as const);
    if ("failure" in answer) {
      const details = { model_grader_server_error_details: answer.failure };
      return flawed({ model_grader_server_error: true, ...details }, usage);
    }
    const score = numberIn(answer.text);
    if (score === undefined || score < minimum || score > maximum) {
      return flawed({ model_grader_parse_error: true }, usage);
    }
    return { score, usage };
  },
});

/** The number that a text is, white space around it aside; undefined for any other text. */
function numberIn(text: string): number | undefined {
  const trimmed = text.trim();
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(trimmed) ? Number(trimmed) : undefined;
}
