/** Text and tokens into each other, on vLLM's wire: its clients know a server's tokenizer by these routes. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ChatMessage } from "./chat.ts";
import { notSupported, unsupported } from "./parse.ts";
import { ChatTool } from "./tools.ts";

/** Harnesses leave it out: they speak to a server of one model. */
const model = z
  .string()
  .min(1)
  .max(300)
  .optional()
  .meta({ description: "May be left out where there is one base model" });

export const Tokenize = z
  .strictObject({
    model,
    prompt: z
      .string()
      .max(LIMITS.tokenizedText)
      .optional()
      .meta({ description: "Control tokens that are written in it are read as control tokens" }),
    messages: z.array(ChatMessage).min(1).max(LIMITS.messages).optional(),
    tools: z.array(ChatTool).max(LIMITS.tools).optional(),
    add_special_tokens: z.boolean().optional().meta({
      description:
        "Put the tokens that begin every text before the prompt; true by default. Messages have those of the chat template",
    }),
    return_token_strs: z.boolean().optional().meta({ description: "Report the vocabulary's entry of each token too" }),
    add_generation_prompt: z.literal(true, notSupported("true")).optional(),
    continue_final_message: z.literal(false, notSupported("false")).optional(),
    chat_template: unsupported(),
    chat_template_kwargs: z.strictObject({}, notSupported("{}")).optional(),
    mm_processor_kwargs: z.strictObject({}, notSupported("{}")).optional(),
  })
  .refine(({ prompt, messages }) => (prompt === undefined) !== (messages === undefined), {
    path: ["prompt"],
    message: "must be there, or `messages`, and not both",
  })
  .refine(({ messages, add_special_tokens: adds }) => messages === undefined || adds !== true, {
    path: ["add_special_tokens"],
    message: "must be false with `messages`: the chat template writes all tokens",
  })
  .refine(({ messages, tools }) => messages !== undefined || tools === undefined, {
    path: ["tools"],
    message: "needs `messages`",
  })
  .meta({ id: "Tokenize" });
export type Tokenize = z.infer<typeof Tokenize>;

export const Tokenized = z
  .strictObject({
    count: z.int(),
    max_model_len: z.int().meta({ description: "The most tokens of prompt and reply together" }),
    tokens: z.array(z.int()),
    token_strs: z.array(z.string()).nullable(),
  })
  .meta({ id: "Tokenized" });

export const Detokenize = z
  .strictObject({ model, tokens: z.array(z.int().min(0).max(2_147_483_647)).max(LIMITS.tokenizedText) })
  .meta({ id: "Detokenize" });

export const Detokenized = z.strictObject({ prompt: z.string() }).meta({ id: "Detokenized" });

export const TokenizerQuery = z.strictObject({ model });

export const TokenizerInfo = z
  .strictObject({
    tokenizer_class: z.string(),
    bos_token: z.string().nullable(),
    eos_token: z.string(),
    pad_token: z.string().nullable(),
    unk_token: z.string().nullable(),
    bos_token_id: z.int().nullable(),
    eos_token_id: z.int(),
    pad_token_id: z.int(),
    add_bos_token: z.boolean().meta({ description: "Whether every text begins with the token that begins texts" }),
    additional_special_tokens: z.array(z.string()).meta({ description: "All other control tokens" }),
    chat_template: z.string().nullable().meta({ description: "Jinja" }),
    vocab_size: z.int(),
    model_max_length: z.int(),
    max_model_len: z.int(),
  })
  .meta({ id: "TokenizerInfo" });
