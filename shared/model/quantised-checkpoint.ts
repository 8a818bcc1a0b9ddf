import { isObject } from "./json-fields.ts";

const NAMES: Readonly<Record<string, string>> = {
  gptq: "GPTQ",
  awq: "AWQ",
  bitsandbytes: "bitsandbytes",
  fp8: "FP8",
  fbgemm_fp8: "FP8",
  finegrained_fp8: "FP8",
  compressed_tensors: "compressed-tensors",
  "compressed-tensors": "compressed-tensors",
  mxfp4: "MXFP4",
  aqlm: "AQLM",
  hqq: "HQQ",
  quanto: "Quanto",
  torchao: "torchao",
  eetq: "EETQ",
  higgs: "HIGGS",
  vptq: "VPTQ",
  bitnet: "BitNet",
  modelopt: "ModelOpt",
};

/** The field of a config.json that describes quantised weights, and why they cannot be used; undefined for whole weights. */
export function quantisedBy(
  json: Readonly<Record<string, unknown>>,
): { readonly field: string; readonly reason: string } | undefined {
  // MLX calls it `quantization`, older checkpoints of llm-compressor `compression_config`.
  const field = ["quantization_config", "quantization", "compression_config"].find((name) => json[name] != null);
  if (field === undefined) return undefined;
  return { field, reason: `${quantisationName(json[field])} are not supported; ${WHOLE_WEIGHTS}` };
}

export const WHOLE_WEIGHTS = "use the original checkpoint in float32, float16 or bfloat16";

function quantisationName(value: unknown): string {
  if (!isObject(value)) return "quantised weights";
  const method = String(value.quant_method ?? "").toLowerCase();
  const named = Object.hasOwn(NAMES, method) ? NAMES[method] : undefined;
  if (named !== undefined) return `weights quantised with ${named}`;
  if (value.load_in_4bit === true || value.load_in_8bit === true) return "weights quantised with bitsandbytes";
  if ("group_size" in value && "bits" in value && method === "") return "quantised weights (group_size, bits)";
  return "quantised weights";
}
