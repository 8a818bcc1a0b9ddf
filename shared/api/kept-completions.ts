/** Completions that are kept because their request had `store: true`: for feedback, and to be read again. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ChatCompletion } from "./chat.ts";
import { CompletionObject } from "./completions.ts";
import { deltaWeight } from "./generate.ts";
import { Metadata } from "./jobs.ts";
import { listSchema, pageQuery } from "./lists.ts";
import { SteeringObject } from "./steering.ts";

/** What made a text: everything that is needed to make its like again, but for the random draws of a request without a seed. */
export const Provenance = z
  .strictObject({
    model: z.string().meta({ description: "The name that was asked for" }),
    base: z.strictObject({ id: z.string(), digest: z.string() }),
    weights: z.string().nullable().meta({ description: "The digest of a full fine-tune's weights; null: the base's" }),
    deltas: z.array(z.strictObject({ id: z.string(), weight: deltaWeight })).meta({ description: "As asked for" }),
    applied: z
      .array(z.strictObject({ digest: z.string(), weight: z.number() }))
      .meta({ description: "Every delta that took part, the model's own included" }),
    steering: SteeringObject.optional(),
    steering_preset: z.string().optional(),
    sampling: z.strictObject({
      temperature: z.number(),
      top_p: z.number(),
      seed: z.number().nullable(),
      max_tokens: z.int().nullable(),
    }),
  })
  .meta({ id: "Provenance" });
export type Provenance = z.infer<typeof Provenance>;

export const AnswerMessage = z
  .strictObject({
    role: z.literal("assistant"),
    content: z.string(),
    tool_calls: z.array(z.looseObject({})).optional(),
  })
  .meta({ id: "AnswerMessage" });
export type AnswerMessage = z.infer<typeof AnswerMessage>;

/** A conversation, with the tools that it was shown, or a text to continue. */
export const KeptPrompt = z
  .union([
    z.strictObject({
      messages: z.array(z.looseObject({ role: z.string() })),
      tools: z.array(z.looseObject({})).optional(),
    }),
    z.strictObject({ text: z.string() }),
  ])
  .meta({ id: "KeptPrompt" });
export type KeptPrompt = z.infer<typeof KeptPrompt>;

export const KEPT_KINDS = ["chat", "text", "response"] as const;
export type KeptKind = (typeof KEPT_KINDS)[number];

/** A completion as it is kept. Choice `p * perPrompt + i` is the i-th of prompt p. */
export interface KeptCompletion {
  readonly id: string;
  readonly kind: KeptKind;
  /** Unix seconds. */
  readonly created: number;
  readonly prompts: readonly KeptPrompt[];
  readonly perPrompt: number;
  readonly choices: readonly { readonly index: number; readonly message: AnswerMessage }[];
  readonly made: Provenance;
  readonly metadata: Readonly<Record<string, string>>;
  /** The reply as its own API gives it, without scores and traces. */
  readonly reply: Readonly<Record<string, unknown>>;
}

export const StoredChat = ChatCompletion.extend({ metadata: Metadata }).meta({ id: "StoredChatCompletion" });
export type StoredChat = z.infer<typeof StoredChat>;

export const StoredCompletion = CompletionObject.extend({ metadata: Metadata }).meta({ id: "StoredCompletion" });
export type StoredCompletion = z.infer<typeof StoredCompletion>;

export const StoredChatList = listSchema(StoredChat).meta({ id: "StoredChatCompletionList" });

const order = z.enum(["asc", "desc"]).default("asc");

export const StoredChatQuery = pageQuery().extend({
  order,
  model: z.string().max(300).optional().meta({ description: "The name that the request asked for" }),
});

export const UpdateStoredChat = z.strictObject({ metadata: Metadata }).meta({ id: "UpdateStoredChatCompletion" });

export const StoredMessageQuery = pageQuery().extend({ order });

/** What was asked, in the form in which chats list their messages. */
export const StoredMessage = z.looseObject({ id: z.string(), role: z.string() }).meta({ id: "StoredChatMessage" });
export type StoredMessage = z.infer<typeof StoredMessage>;
export const StoredMessageList = listSchema(StoredMessage).meta({ id: "StoredChatMessageList" });

/** How an error says what may be missing. */
export const KEPT_WHERE = `Send \`store: true\` with the request whose completion you want to keep; it is kept for ${LIMITS.keptCompletionDays} days`;
