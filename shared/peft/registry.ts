import { z } from "zod";
import { adalora } from "./adalora/adalora.ts";
import { bitfit } from "./bitfit/bitfit.ts";
import { bottleneck } from "./bottleneck/bottleneck.ts";
import { dora } from "./dora/dora.ts";
import { full } from "./full/full.ts";
import { ia3 } from "./ia3/ia3.ts";
import { lora } from "./lora/lora.ts";
import type { AdapterFormat, PeftMethod } from "./method.ts";
import { prefix } from "./prefix/prefix.ts";
import { prompt } from "./prompt/prompt.ts";
import { qlora } from "./qlora/qlora.ts";

/** Every way to train part of a model, or all of it; a new one is a folder beside this file and a row here. */
export const PEFT_METHODS = { lora, qlora, dora, adalora, bottleneck, ia3, bitfit, prompt, prefix, full } as const;

export type PeftType = keyof typeof PEFT_METHODS;
export type SettingsOf<T extends PeftType> = z.infer<(typeof PEFT_METHODS)[T]["settings"]>;
export type AnySettings = { readonly [T in PeftType]: SettingsOf<T> }[PeftType];

// The rows' schemas are objects with a literal `type`; the contract's type does not say so.
const schemas = Object.values(PEFT_METHODS).map(({ settings }) => settings as unknown as z.ZodObject);

/** The settings of any one method, told apart by `type`; an unknown type is refused with a list of those that are known. */
export const PeftSettings: z.ZodType<AnySettings> = z.discriminatedUnion(
  "type",
  schemas as [z.ZodObject, ...z.ZodObject[]],
  {
    error: ({ code }) =>
      code === "invalid_union" ? `must be one of ${Object.keys(PEFT_METHODS).join(", ")}` : undefined,
  },
) as unknown as z.ZodType<AnySettings>;

/** The row of the settings' method. */
export function peftMethod<S extends AnySettings>({ type }: S): PeftMethod<S> {
  // The row of a type takes the settings of that type, which the compiler does not follow through the index.
  return PEFT_METHODS[type] as unknown as PeftMethod<S>;
}

/** The layouts of adapter files that are read, by the name of the method that owns each. */
export const ADAPTER_FORMATS: ReadonlyMap<string, AdapterFormat> = new Map(
  Object.entries(PEFT_METHODS).flatMap(([type, { format }]: [string, { readonly format?: AdapterFormat }]) =>
    format === undefined ? [] : [[type, format]],
  ),
);
