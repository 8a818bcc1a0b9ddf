import { modelFolder } from "../../model/write-folder.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import type { FullSettings } from "./settings.ts";

/** A Hugging Face folder with the trained weights and the base's tokenizer. */
export async function publishFull({ config, values, base }: PublishOptions<FullSettings>): Promise<PublishedPart> {
  const files = await modelFolder({ config, base: base.files, weight: (name) => values.get(name)! });
  return { kind: "model", files };
}
