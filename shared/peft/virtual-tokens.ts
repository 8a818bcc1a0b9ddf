import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import { ADAPTER_CONFIG } from "./adapter-folder.ts";
import type { AttachOptions } from "./method.ts";

/** The number of tokens of context that a prompt or prefix must leave for text. */
export const LEAST_TEXT = 8;

export const VirtualTokens = z
  .int()
  .min(1, "must be at least 1")
  .max(1_000_000)
  .default(20)
  .meta({ description: "The number of trainable positions before the text" });

export const InitText = z.string().min(1).max(10_000);

/** Throws `invalid_request` with `param` when this many positions leave no room for text. */
export function requireRoom({ maxPositions }: ModelConfig, positions: number, param: string): void {
  const most = maxPositions - LEAST_TEXT;
  if (positions <= most) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\`: ${positions} positions leave no room for text in this model's context of ${maxPositions} tokens; use at most ${most}.`,
    { param, data: { positions, most } },
  );
}

/** The tokens of an initial text. Throws `invalid_request` with `param` when it has none, or one unknown to the model. */
export function tokensOf(
  text: string,
  { encode, config }: Pick<AttachOptions<unknown>, "encode" | "config">,
  param: string,
): readonly number[] {
  const ids = encode(text);
  if (ids.length > 0 && ids.every((id) => id < config.vocabSize)) return ids;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` must be a text that the model's tokenizer turns into tokens of the model's vocabulary.`,
    { param },
  );
}

/** Like `requireRoom`, for an adapter folder. Throws `invalid_delta`. */
export function requireFolderRoom({ maxPositions }: ModelConfig, positions: number): void {
  if (positions <= maxPositions - LEAST_TEXT) return;
  throw new TrimtabError(
    "invalid_delta",
    `${ADAPTER_CONFIG}: num_virtual_tokens is ${positions}, which leaves no room for text in the base model's context of ${maxPositions} tokens`,
    { data: { field: "num_virtual_tokens" } },
  );
}
