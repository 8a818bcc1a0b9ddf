/** Recognises folders of other formats by the names of their files. */
import type { ModelProblem } from "./problems.ts";

interface OtherFormat {
  readonly names: RegExp;
  readonly reason: string;
}

const SAFE = "save the model with `save_pretrained(folder, safe_serialization=True)`, which writes model.safetensors";
const FORMATS: readonly OtherFormat[] = [
  { names: /\.gguf$/i, reason: "GGUF files are not supported; use the original Hugging Face folder with safetensors" },
  { names: /\.(bin|pth?|ckpt|pkl)$/i, reason: `pickled weights can run code and are never read; ${SAFE}` },
  { names: /\.(h5|msgpack|npz)$/i, reason: `weights of other frameworks are not supported; ${SAFE}` },
  { names: /\.(onnx|mlmodel|tflite)$/i, reason: "compiled models are not supported; use the original safetensors" },
  { names: /^consolidated\b.*\.safetensors$/, reason: `this is the layout of another library; ${SAFE}` },
];
const WEIGHTS = /^model(-\d{5}-of-\d{5})?\.safetensors$/;
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;
const INDEX = "model.safetensors.index.json";
const WRITE_TOKENIZER = "write it with `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)`";

/** The problems of a model folder that the names alone reveal. Unneeded files are not a problem. */
export function folderNameProblems(names: readonly string[]): ModelProblem[] {
  const has = (name: string) => names.includes(name);
  const problems: ModelProblem[] = [];
  const add = (file: string, reason: string) => problems.push({ file, field: "", reason });
  if (!has("config.json") && has("adapter_config.json")) {
    add("adapter_config.json", "this is an adapter, not a model; upload it as a delta, and its base as the model");
    return problems;
  }
  if (!names.some((name) => WEIGHTS.test(name))) {
    const [other] = FORMATS.flatMap(({ names: pattern, reason }) => {
      const file = names.find((name) => pattern.test(name));
      return file === undefined ? [] : [{ file, reason }];
    });
    if (other !== undefined) add(other.file, other.reason);
    else add("model.safetensors", has(INDEX) ? `missing, and none of the shards in ${INDEX} is there` : "missing");
  } else if (!has("model.safetensors") && names.some((name) => SHARD.test(name)) && !has(INDEX)) {
    add(INDEX, "missing; it says which shard holds which tensor");
  }
  for (const name of ["quantize_config.json", "quant_config.json", "hf_quant_config.json"]) {
    if (has(name)) add(name, "the weights are quantised, which is not supported; use the original checkpoint");
  }
  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
    if (!has(name)) add(name, name === "config.json" ? "missing" : `missing; ${WRITE_TOKENIZER}`);
  }
  return problems;
}
