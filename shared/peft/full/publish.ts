import { modelFolder } from "../../model/write-folder.ts";
import type { ModelResult } from "../method.ts";
import type { FullSettings } from "./settings.ts";

/** A Hugging Face folder with the trained weights and the base's tokenizer. */
export const fullResult: ModelResult<FullSettings> = {
  kind: "model",
  files: ({ config, values, base }) => modelFolder({ config, base: base.files, weight: (name) => values.get(name)! }),
};
