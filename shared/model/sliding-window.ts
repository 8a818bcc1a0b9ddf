import { quoteName } from "../formats/strict-json.ts";
import { FAMILIES, type ModelType } from "./family.ts";
import { type JsonFields, wholeNumber } from "./json-fields.ts";

const MAX_WINDOW_LAYERS = 28;

/**
 * How many positions back the layers with the shortest window see, as in transformers 5; null if all layers see
 * everything. Llama has no windows, Mistral has the same in every layer. Qwen2 has one only with `use_sliding_window`,
 * in the layers that `layer_types` names, or else in those from `max_window_layers` on.
 */
export function readSlidingWindow(file: JsonFields, modelType: ModelType, layers: number | undefined): number | null {
  const given = file.number("sliding_window", wholeNumber(1, 10_000_000));
  const window = given ?? (file.mentions("sliding_window") ? null : FAMILIES[modelType].defaults.slidingWindow);
  const used = file.boolean("use_sliding_window") ?? false;
  const from = file.number("max_window_layers", wholeNumber(0, 1000)) ?? MAX_WINDOW_LAYERS;
  const types = readLayerTypes(file, layers);
  const slides = types?.includes("sliding_attention") ?? false;
  switch (modelType) {
    case "mistral":
      if (types !== undefined)
        file.refuse("layer_types", "mistral models have the same attention in every layer; remove it");
      return window;
    case "llama":
      if (slides && given === undefined) file.refuse("layer_types", `${SLIDES}, but there is no sliding_window`);
      return null;
    case "qwen2": {
      const found = used ? window : null;
      if (types === undefined) return from < (layers ?? 0) ? found : null;
      if (slides && found === null) {
        const why = used ? "sliding_window is null" : "use_sliding_window is not true";
        file.refuse("layer_types", `${SLIDES}, but ${why}`);
      }
      return slides ? found : null;
    }
  }
}

const SLIDES = "has layers of sliding_attention";

function readLayerTypes(file: JsonFields, layers: number | undefined): readonly unknown[] | undefined {
  const types = file.value("layer_types");
  if (types === undefined) return undefined;
  if (!Array.isArray(types))
    return file.refuse("layer_types", "must be a list with a kind of attention for each layer");
  const unknown = types.find((type) => type !== "full_attention" && type !== "sliding_attention");
  if (unknown !== undefined) {
    return file.refuse("layer_types", `${quoteName(String(unknown))} is not supported; use full_attention`);
  }
  if (layers === undefined || types.length === layers) return types;
  return file.refuse("layer_types", `has ${types.length} layers, but num_hidden_layers is ${layers}`);
}
