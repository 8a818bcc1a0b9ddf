import { readFileSync } from "node:fs";
import type { CanonicalDelta } from "../../../shared/delta/canonical.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { parseAdapterFolder } from "../../../shared/peft/adapter-folder.ts";
import { loraFormat } from "../../../shared/peft/lora/format.ts";

/** Adapters that peft saved for the tiny decoder in `golden/llama/plain`. */
export const GOLDEN_ADAPTERS = ["adapter", "rslora-patterns", "regex-targets-f16"] as const;
export type GoldenAdapter = (typeof GOLDEN_ADAPTERS)[number];

const golden = (path: string) => readFileSync(new URL(`../../golden/${path}`, import.meta.url));

export const goldenConfig = parseModelConfig(JSON.parse(golden("llama/plain/config.json").toString("utf8")));

export function goldenFolder(name: GoldenAdapter): Map<string, Uint8Array> {
  const files = ["adapter_config.json", "adapter_model.safetensors"] as const;
  return new Map(files.map((file) => [file, new Uint8Array(golden(`lora/${name}/${file}`))]));
}

/** An adapter in its serving form. */
export async function goldenDelta(name: GoldenAdapter): Promise<CanonicalDelta> {
  const weight = () => Promise.reject(new Error("these adapters ask for no weight"));
  return (await loraFormat.read(parseAdapterFolder(goldenFolder(name)), { config: goldenConfig, weight })).delta;
}

/** What transformers and peft compute with an adapter, unmerged. */
export function goldenLogits(name: GoldenAdapter): { inputIds: PackedNumbers; logits: PackedNumbers } {
  const path = name === "adapter" ? "lora/golden.json" : `lora/${name}/golden.json`;
  return JSON.parse(golden(path).toString("utf8"));
}

export interface PackedNumbers {
  readonly shape: readonly [number, number];
  readonly data: readonly number[];
}

/** A folder with its configuration changed. */
export function withConfig(
  folder: ReadonlyMap<string, Uint8Array>,
  changes: Readonly<Record<string, unknown>>,
): Map<string, Uint8Array> {
  const json = JSON.parse(new TextDecoder().decode(folder.get("adapter_config.json")!)) as object;
  const changed = JSON.stringify({ ...json, ...changes });
  return new Map([...folder, ["adapter_config.json", new TextEncoder().encode(changed)]]);
}
