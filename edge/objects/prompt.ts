import { TrimtabError } from "../../shared/errors.ts";
import type { GeneratePrompt } from "./engine-protocol.ts";
import type { ServedModel } from "./served-model.ts";

type PromptModel = Pick<ServedModel, "tokenizer" | "template" | "config" | "capacity">;

/**
 * Token ids of each prompt. Control tokens come from the chat template alone; in what a person wrote they are plain text.
 * Throws `invalid_request` for an empty prompt or a token id outside the vocabulary.
 */
export function encodePrompts(model: PromptModel, prompt: GeneratePrompt): number[][] {
  if (prompt.kind === "chat")
    return [model.template().encodePrompt(prompt.messages.map((message) => ({ ...message })))];
  return prompt.prompts.map((text) => {
    const ids = typeof text === "string" ? [...model.tokenizer.prefix, ...model.tokenizer.encode(text)] : [...text];
    const unknown = ids.find((id) => id >= model.config.vocabSize);
    if (unknown !== undefined) {
      throw new TrimtabError(
        "invalid_request",
        `the token ${unknown} is outside the vocabulary of ${model.config.vocabSize}`,
        {
          param: "prompt",
        },
      );
    }
    if (ids.length === 0) {
      throw new TrimtabError(
        "invalid_request",
        "the prompt is empty; this model needs at least one token to continue",
        {
          param: "prompt",
        },
      );
    }
    return ids;
  });
}

export interface TokenWish {
  /** null: as many as there is room for. */
  readonly requested: number | null;
  /** The request's field that holds the prompt. */
  readonly param: "messages" | "prompt";
}

/**
 * How many tokens may follow a prompt. Throws `context_length_exceeded` when the prompt leaves no room, or less than was
 * asked for.
 */
export function tokenLimit(
  model: Pick<PromptModel, "capacity">,
  promptTokens: number,
  { requested, param }: TokenWish,
): number {
  const room = model.capacity - promptTokens;
  if (room >= (requested ?? 1)) return requested ?? room;
  const wanted = requested === null ? "" : ` and ${requested} were asked for after it`;
  throw new TrimtabError(
    "context_length_exceeded",
    `this model's context is ${model.capacity} tokens, but the prompt has ${promptTokens}${wanted}; shorten the prompt` +
      (requested === null ? "" : " or lower max_tokens"),
    { param: requested === null || room < 1 ? param : "max_tokens" },
  );
}
