import { parseSafetensors, type SafetensorsTensor, toF32 } from "../../../shared/formats/safetensors.ts";
import config from "../../golden/llama/plain/config.json";
import weightFile from "../../golden/llama/plain/model.safetensors?url&inline";
import template from "../../golden/tokenizer/hub/gpt2-like/chat_template.jinja?raw";
import tokenizer from "../../golden/tokenizer/hub/gpt2-like/tokenizer.json";
import tokenizerConfig from "../../golden/tokenizer/hub/gpt2-like/tokenizer_config.json";
import { bytesOf } from "./stored-folder.ts";
import { type Folder, json } from "./tiny-base.ts";

export const GOLDEN_WEIGHTS = bytesOf(weightFile);

/** A decoder that transformers made, with 96 of the 420 tokens of a chat tokenizer. Its context is 64 tokens. */
export function goldenBase(): Folder {
  return new Map([
    ["config.json", json(config)],
    ["model.safetensors", GOLDEN_WEIGHTS],
    ["tokenizer.json", json(tokenizer)],
    ["tokenizer_config.json", json(tokenizerConfig)],
    ["chat_template.jinja", new TextEncoder().encode(template)],
  ]);
}

/** The tensors of the model's file by name, to be changed and written anew. */
export function goldenTensors(): Map<string, { tensor: SafetensorsTensor; values: Float32Array<ArrayBuffer> }> {
  const { tensors } = parseSafetensors(GOLDEN_WEIGHTS);
  return new Map([...tensors].map(([name, tensor]) => [name, { tensor, values: new Float32Array(toF32(tensor)) }]));
}
