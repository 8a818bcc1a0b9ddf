/** One of two distributions that are contrasted: a model with a prompt and a temperature. */
import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { CompanionPrompt, CompanionRow, PlanContext, Reference } from "./part.ts";

export const modelId = z.string().min(1).max(300);
export const temperature = z.number().min(0.01).max(100);

const without = z.union([
  z.literal("system"),
  z.strictObject({
    name: z
      .string()
      .min(1)
      .max(LIMITS.messageName)
      .meta({ description: "The `name` of the messages that are left out" }),
  }),
]);

/** `base`, a model or delta, or what differs from the request's own model, prompt and temperature. */
export const Side = z.union([
  modelId.meta({ description: "`base`, or a model or delta" }),
  z
    .strictObject({
      model: modelId.optional().meta({ description: "`base`, or a model; left out: the request's own" }),
      delta: z
        .strictObject({
          id: modelId.meta({ description: "A delta or a fine-tuned model" }),
          weight: z
            .number()
            .min(-LIMITS.deltaWeight)
            .max(LIMITS.deltaWeight)
            .default(1)
            .meta({ description: "w in W + w ΔW" }),
        })
        .optional()
        .meta({ description: "The base with this delta, in place of `model`" }),
      temperature: temperature.optional().meta({ description: "What its logits are divided by" }),
      without: without.optional().meta({
        description: "The conversation without its system messages, or without the messages with this name",
      }),
    })
    .refine(({ model, delta }) => model === undefined || delta === undefined, {
      path: ["delta"],
      message: "must be left out beside `model`: it stands for the base with the delta",
    }),
]);
export type Side = z.infer<typeof Side>;

/** How a part knows a model that it names: `base` is the bare base, whatever else has that name. */
export function modelAt(id: string, at: string): CompanionRow["model"] {
  return id === "base" ? "base" : { at };
}

export function sideReferences(side: Side, at: string): Reference[] {
  const named = namedBy(side, at);
  return named === undefined || named.id === "base" ? [] : [{ ...named, kind: "model" }];
}

export interface SidePlan {
  readonly model: CompanionRow["model"];
  readonly prompt: CompanionPrompt;
  /** undefined where the side states none. */
  readonly temperature: number | undefined;
}

/** Throws `invalid_request` for a message left out of a prompt that has none. */
export function planSide(side: Side, at: string, { hasChat }: PlanContext): SidePlan {
  const named = namedBy(side, at);
  const model = named === undefined ? "own" : modelAt(named.id, named.at);
  if (typeof side === "string") return { model, prompt: { kind: "own" }, temperature: undefined };
  if (side.without !== undefined && !hasChat) {
    const message = "Only a chat has messages to leave out: remove `without`, or send the prompt as a chat.";
    throw new TrimtabError("invalid_request", message, { param: `${at}.without` });
  }
  const prompt: CompanionPrompt =
    side.without === undefined ? { kind: "own" } : { kind: "without", message: side.without };
  return { model, prompt, temperature: side.temperature };
}

function namedBy(side: Side, at: string): Pick<Reference, "at" | "id" | "weight"> | undefined {
  if (typeof side === "string") return { at, id: side, weight: 1 };
  if (side.delta !== undefined) return { at: `${at}.delta.id`, id: side.delta.id, weight: side.delta.weight };
  return side.model === undefined ? undefined : { at: `${at}.model`, id: side.model, weight: 1 };
}
