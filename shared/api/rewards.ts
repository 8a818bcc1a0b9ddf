/** `POST /v1/rewards`: what reward models say of finished texts. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ChatMessage } from "./chat.ts";
import { RewardAggregateRequest } from "./reward-aggregate.ts";
import { ChatTool } from "./tools.ts";

const RewardInput = z
  .strictObject({
    messages: z
      .array(ChatMessage)
      .min(2)
      .max(LIMITS.messages)
      .optional()
      .meta({ description: "A conversation whose last message is the assistant's, which is the text to reward" }),
    tools: z.array(ChatTool).min(1).max(LIMITS.tools).optional().meta({ description: "Which the conversation shows" }),
    text: z.string().min(1).max(LIMITS.rewardText).optional(),
    prompt: z.string().max(LIMITS.rewardText).optional().meta({
      description: "What `text` continues, if it is not part of it: read as a pair's prompt and completion are",
    }),
  })
  .superRefine(({ messages, tools, text, prompt }, context) => {
    const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message });
    if ((messages === undefined) === (text === undefined)) return refuse([], "must have either messages or text");
    if (messages === undefined) {
      if (tools !== undefined) refuse(["tools"], "goes with messages");
      if (text!.trim() === "") refuse(["text"], "must not be empty");
      return;
    }
    if (prompt !== undefined) refuse(["prompt"], "goes with text");
    const last = messages.at(-1);
    // The schema itself refuses an empty list.
    if (last === undefined) return;
    if (last.role !== "assistant") {
      return refuse(["messages", messages.length - 1, "role"], "must be assistant: its message is what is rewarded");
    }
    if (last.tool_calls === undefined && !hasText(last.content) && !hasText(last.refusal)) {
      refuse(["messages", messages.length - 1, "content"], "must not be empty");
    }
  })
  .meta({ id: "RewardInput" });

function hasText(content: unknown): boolean {
  if (typeof content === "string") return content.trim() !== "";
  return Array.isArray(content) && content.some((part) => hasText(part.text ?? part.refusal));
}

const modelName = z.string().min(1).max(256);

export const CreateRewards = z
  .strictObject({
    model: z
      .union([
        modelName,
        z
          .array(modelName)
          .min(1)
          .max(LIMITS.rewardModels)
          .refine((names) => new Set(names).size === names.length, "must not name a model twice"),
      ])
      .meta({ description: "A reward model, or several on one base that judge together" }),
    input: z.array(RewardInput).min(1).max(LIMITS.rewardTexts),
    aggregate: RewardAggregateRequest.optional().meta({
      description: "How the rewards of several become one; mean by default",
    }),
    max_variance: z.number().min(0).optional().meta({
      description: "Members whose rewards vary more than that have not seen such a text: it is out of distribution",
    }),
  })
  .superRefine(({ model, aggregate, max_variance }, context) => {
    if (typeof model !== "string") return;
    for (const [name, given] of Object.entries({ aggregate, max_variance })) {
      if (given === undefined) continue;
      context.addIssue({ code: "custom", path: [name], message: "is for a list of models; `model` names one" });
    }
  })
  .meta({ id: "CreateRewards" });
export type CreateRewards = z.infer<typeof CreateRewards>;

const judged = {
  reward: z.number(),
  calibrated: z.number().meta({
    description:
      "The reward divided by the temperature that the model's job fitted: σ of the difference of two is the probability that the first text is preferred",
  }),
  out_of_distribution: z
    .boolean()
    .nullable()
    .meta({ description: "Whether the text is unlike those that the model was trained on; null if it does not know" }),
};

const RewardEntry = z
  .strictObject({
    index: z.int(),
    ...judged,
    members: z
      .array(z.strictObject({ model: z.string(), ...judged }))
      .optional()
      .meta({ description: "What each of several models says" }),
    variance: z.number().optional().meta({ description: "Of the members' rewards" }),
  })
  .meta({ id: "Reward" });

export const Rewards = z
  .strictObject({
    object: z.literal("list"),
    model: z.union([z.string(), z.array(z.string())]),
    data: z.array(RewardEntry),
    usage: z.strictObject({
      prompt_tokens: z.int().meta({ description: "Positions that were read, over all models" }),
      total_tokens: z.int(),
    }),
  })
  .meta({ id: "Rewards" });
export type Rewards = z.infer<typeof Rewards>;
