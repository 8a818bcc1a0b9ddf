/**
 * Adapter folders as peft and AdapterHub save them: `adapter_config.json` and a file of tensors, read by the format that
 * recognises the configuration.
 */
import { messageOf, TrimtabError } from "../errors.ts";
import { fromF32, parseSafetensors, type SafetensorsTensor, writeSafetensors } from "../formats/safetensors.ts";
import { parseStrictJson, quoteName } from "../formats/strict-json.ts";
import type { Tensor } from "../tensor.ts";
import { HEAD_CONFIG, HEAD_WEIGHTS, requireOwnHead } from "./adapter-head.ts";
import { INTERFACE, requireOwnInterface } from "./adapter-interface.ts";
import type { Adapter, AdapterFolder, AdapterFormat, BaseAccess } from "./method.ts";

export const ADAPTER_CONFIG = "adapter_config.json";
/** The default name of the tensors' file. */
export const ADAPTER_WEIGHTS = "adapter_model.safetensors";

/** Other files that the folder may contain. This module checks the head and the interface and ignores the rest. */
const OTHER_FILES = new Set([
  "README.md",
  "manifest.json",
  "serving.safetensors",
  HEAD_CONFIG,
  HEAD_WEIGHTS,
  INTERFACE,
]);

/**
 * Reads a folder with the first of `formats` that recognises it. Throws `invalid_delta`, naming the file, field or tensor
 * that is wrong. Tensors that do not fit the layers mean that the adapter was made for another base.
 */
export async function readAdapterFolder(
  files: ReadonlyMap<string, Uint8Array>,
  base: BaseAccess,
  formats: ReadonlyMap<string, AdapterFormat>,
): Promise<Adapter> {
  const weightsFiles = new Set([...formats.values()].map(weightsFileOf));
  requireAllowed([...files.keys()], weightsFiles);
  const config = parseObject(requireFile(files, ADAPTER_CONFIG), ADAPTER_CONFIG);
  const format = [...formats.values()].find((candidate) => candidate.recognises(config));
  if (format === undefined) {
    const { peft_type: type } = config;
    const problem = typeof type === "string" ? `has the unsupported peft_type ${quoteName(type)}` : "has no peft_type";
    throw refuse(
      `${ADAPTER_CONFIG} ${problem}; use an adapter of one of these methods: ${[...formats.keys()].join(", ")}`,
    );
  }
  const weightsFile = weightsFileOf(format);
  const folder = parseAdapterFolder(files, weightsFile);
  const other = [...files.keys()].find((name) => weightsFiles.has(name) && name !== weightsFile);
  if (other !== undefined) throw refuse(`the folder contains both ${weightsFile} and ${other}; remove the second`);
  const parts = files.get(INTERFACE);
  if (parts !== undefined) requireOwnInterface(parseObject(parts, INTERFACE));
  await requireOwnHead(files, base);
  const kept = [ADAPTER_CONFIG, weightsFile].map((name) => [name, files.get(name)!] as const);
  return { ...(await format.read(folder, base)), files: new Map(kept) };
}

/** The folder's `adapter_config.json`. Throws `invalid_delta` when it is missing or cannot be read. */
export function parseAdapterConfigFile(files: ReadonlyMap<string, Uint8Array>): AdapterFolder["config"] {
  return parseObject(requireFile(files, ADAPTER_CONFIG), ADAPTER_CONFIG);
}

/** Throws `invalid_delta` when one of the two files is missing or cannot be read. */
export function parseAdapterFolder(
  files: ReadonlyMap<string, Uint8Array>,
  weightsFile: string = ADAPTER_WEIGHTS,
): AdapterFolder {
  const config = parseObject(requireFile(files, ADAPTER_CONFIG), ADAPTER_CONFIG);
  const { tensors } = parseSafetensors(requireFile(files, weightsFile), {
    code: "invalid_delta",
    name: weightsFile,
    finite: true,
  });
  return { config, tensors };
}

/** The two files of an adapter. The configuration keeps the order of its fields. */
export function adapterFiles(
  config: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, Tensor<"f32">>,
  weightsFile: string = ADAPTER_WEIGHTS,
): Map<string, Uint8Array> {
  const stored = [...tensors].map(([name, { shape, data }]): readonly [string, SafetensorsTensor] => [
    name,
    { dtype: "F32", shape, bytes: fromF32(data, "F32") },
  ]);
  return new Map([
    [ADAPTER_CONFIG, new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)],
    [weightsFile, writeSafetensors(new Map(stored), { format: "pt" })],
  ]);
}

/** The base named in the configuration of peft or AdapterHub: a name, or a path on some machine. */
export function baseName(files: ReadonlyMap<string, Uint8Array>): string | undefined {
  const { base_model_name_or_path: peft, model_name: adapterHub } = parseObject(
    requireFile(files, ADAPTER_CONFIG),
    ADAPTER_CONFIG,
  );
  return [peft, adapterHub].find((name) => typeof name === "string");
}

function parseObject(bytes: Uint8Array, name: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (error) {
    throw new TrimtabError("invalid_delta", `${name} is not UTF-8: ${messageOf(error)}`, { cause: error });
  }
  const json = parseStrictJson(text, name, "invalid_delta");
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw refuse(`${name} is not a JSON object`);
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}

const weightsFileOf = ({ weightsFile = ADAPTER_WEIGHTS }: AdapterFormat) => weightsFile;

/** Names every file that must go, so that one correction is enough. */
function requireAllowed(names: readonly string[], weightsFiles: ReadonlySet<string>): void {
  const others = names.filter((name) => name !== ADAPTER_CONFIG && !weightsFiles.has(name) && !OTHER_FILES.has(name));
  if (others.length === 0) return;
  const mlx = others.find((name) => /^(\d+_)?adapters\.(safetensors|npz)$/.test(name));
  if (mlx !== undefined) {
    throw refuse(
      `${quoteName(mlx)} is an adapter in MLX's layout; convert it to peft's: rename lora_a and lora_b to lora_A and lora_B, transpose them, and save them as ${ADAPTER_WEIGHTS}`,
    );
  }
  const isPickle = (name: string) => /\.(bin|pt|pth|pkl|pickle|ckpt)$/i.test(name);
  const problems = [
    sentenceOf(others.filter(isPickle), [
      "is a pickle file, which can run code and is never read",
      "are pickle files, which can run code and are never read",
    ]),
    sentenceOf(
      others.filter((name) => !isPickle(name)),
      ["is not part of an adapter; remove it", "are not part of an adapter; remove them"],
    ),
  ].filter((problem) => problem !== undefined);
  const advice = others.some(isPickle)
    ? "; save the adapter with save_pretrained(folder, safe_serialization=True)"
    : "";
  throw refuse(`${problems.join("; ")}${advice}`);
}

function sentenceOf(names: readonly string[], [one, many]: readonly [string, string]): string | undefined {
  if (names.length === 0) return undefined;
  const listed = names.slice(0, 20).map(quoteName).join(", ");
  const more = names.length > 20 ? ` and ${names.length - 20} more` : "";
  return `${listed}${more} ${names.length === 1 ? one : many}`;
}

function requireFile(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) throw refuse(`the folder lacks ${name}`);
  return bytes;
}
