import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import { ADAPTER_CONFIG } from "./adapter-folder.ts";
import type { AttachOptions } from "./method.ts";

/** Room for text that what stands before it must leave in the context, in tokens. */
export const LEAST_TEXT = 8;

export const VirtualTokens = z
  .int()
  .min(1, "must be at least 1")
  .max(1_000_000)
  .default(20)
  .meta({ description: "Positions before the text that are learnt" });

export const InitText = z.string().min(1).max(10_000);

/** Throws `invalid_request` with `param` where so many positions leave no room for text. */
export function requireRoom({ maxPositions }: ModelConfig, positions: number, param: string): void {
  const most = maxPositions - LEAST_TEXT;
  if (positions <= most) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\`: ${positions} positions before the text leave no room for it in this model's context of ${maxPositions} tokens; the most is ${most}.`,
    { param, data: { positions, most } },
  );
}

/** The tokens of a text to start from. Throws `invalid_request` with `param` where there are none. */
export function tokensOf(
  text: string,
  { encode, config }: Pick<AttachOptions<unknown>, "encode" | "config">,
  param: string,
): readonly number[] {
  const ids = encode(text);
  if (ids.length > 0 && ids.every((id) => id < config.vocabSize)) return ids;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` must be a text that the model's tokenizer makes tokens of which the model knows.`,
    { param },
  );
}

/** The same for a folder. Throws `invalid_delta`. */
export function requireFolderRoom({ maxPositions }: ModelConfig, positions: number): void {
  if (positions <= maxPositions - LEAST_TEXT) return;
  throw new TrimtabError(
    "invalid_delta",
    `${ADAPTER_CONFIG}: num_virtual_tokens is ${positions}, which leaves no room for text in the base model's context of ${maxPositions} tokens`,
    { data: { field: "num_virtual_tokens" } },
  );
}
