import { fromF32, writeSafetensors } from "../../formats/safetensors.ts";
import { readModelJson } from "../../model/model-folder.ts";
import { weightsForFile } from "../../model/weights.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import type { FullSettings } from "./settings.ts";

/** What the new folder takes over from the base's as it is; weights, index and card are the base's own. */
const KEPT = /^(tokenizer|tokenizer_config|special_tokens_map|generation_config)\.json$|^chat_template\.jinja$/;

/**
 * A Hugging Face folder with all weights in one file. They are kept in float32: a short training moves many weights by
 * less than a 16-bit float can tell apart.
 */
export function publishFull({ config, values, base }: PublishOptions<FullSettings>): PublishedPart {
  const tensors = [...weightsForFile(config, values)].map(
    ([name, { shape, data }]) => [name, { dtype: "F32", shape, bytes: fromF32(data, "F32") }] as const,
  );
  const files = new Map([...base.files].filter(([name]) => KEPT.test(name)));
  files.set("config.json", float32Config(readModelJson(base.files, "config.json") as Record<string, unknown>));
  files.set("model.safetensors", writeSafetensors(new Map(tensors), { format: "pt" }));
  return { kind: "model", files };
}

/** `dtype` is `torch_dtype` in files of transformers before 5. */
function float32Config(json: Record<string, unknown>): Uint8Array {
  const field = "torch_dtype" in json ? "torch_dtype" : "dtype";
  return new TextEncoder().encode(`${JSON.stringify({ ...json, [field]: "float32" }, null, 2)}\n`);
}
