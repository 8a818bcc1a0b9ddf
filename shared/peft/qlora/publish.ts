import { publishLora } from "../lora/publish.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import { loraPart, quantisationOf } from "./attach.ts";
import type { QloraSettings } from "./settings.ts";

/** LoRA's folder, since peft's has no place for the base's form; the delta's manifest says what it was trained on. */
export async function publishQlora(options: PublishOptions<QloraSettings>): Promise<PublishedPart> {
  const part = await publishLora({ ...options, settings: loraPart(options.settings) });
  if (part.kind !== "adapter") return part;
  return {
    kind: "adapter",
    adapter: { ...part.adapter, method: "qlora", quantisation: quantisationOf(options.settings) },
  };
}
