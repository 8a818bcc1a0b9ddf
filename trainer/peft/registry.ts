import type { PeftSettings } from "../../shared/api/methods.ts";
import { attachFull } from "./full/attach.ts";
import { publishFull } from "./full/publish.ts";
import { attachLora } from "./lora/attach.ts";
import { publishLora } from "./lora/publish.ts";
import type { PeftMethod } from "./method.ts";

/** Every way to train part of a model, or all of it; a new one is a folder beside this file and a row here. */
export const PEFT_METHODS: {
  readonly [T in PeftSettings["type"]]: PeftMethod<Extract<PeftSettings, { readonly type: T }>>;
} = {
  lora: { attach: attachLora, publish: publishLora },
  full: { attach: attachFull, publish: publishFull },
};

/** The method that the settings name. */
export function peftMethod<S extends PeftSettings>({ type }: S): PeftMethod<S> {
  // The row of a type takes the settings of that type, which the compiler does not follow through the index.
  return PEFT_METHODS[type] as unknown as PeftMethod<S>;
}
