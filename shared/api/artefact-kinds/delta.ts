import { TrimtabError } from "../../errors.ts";
import type { ArtefactKindRow } from "./kind.ts";

/** A file of an adapter: at the top of a delta, or in the folder that each of several has, such as `0-lora/`. */
const ADAPTER_FILE = /^(?:(\d{1,2}-[a-z][a-z0-9_]{0,31})\/)?(adapter_config\.json|adapter(?:_model)?\.safetensors)$/;
/** Of a classifier or a reward model; such a delta may have no adapter. */
const SCORER_FILE = /^scorer\.safetensors$/;
/** Of an edit: the keys by which later edits tell whether they interfere with it. */
const EDIT_FILE = /^edit\.safetensors$/;

/** Adapters in PEFT's form, with their manifest and the form in which they are served. */
export const delta: ArtefactKindRow = {
  fileNames: [ADAPTER_FILE, /^manifest\.json$/, /^serving\.safetensors$/, SCORER_FILE, EDIT_FILE, /^README\.md$/],
  requiredFiles: ["manifest.json", "serving.safetensors"],
  checkNames: checkAdapterFiles,
  folder: "deltas",
  unsound: "invalid_delta",
  manifest: "manifest.json",
  serves: "delta",
  object: "delta",
};

/** One adapter at the top, or one in each of the folders `0-…`, `1-…`, …: its configuration and one file of tensors. */
function checkAdapterFiles(names: ReadonlySet<string>, param: string): void {
  const refuse = (problem: string) => new TrimtabError("invalid_request", `The delta ${problem}.`, { param });
  const adapters = new Map<string, string[]>();
  for (const name of names) {
    const [, folder = "", file] = ADAPTER_FILE.exec(name) ?? [];
    if (file !== undefined) adapters.set(folder, [...(adapters.get(folder) ?? []), file]);
  }
  if (adapters.size === 0 && [...names].some((name) => SCORER_FILE.test(name))) return;
  if (adapters.size === 0) throw refuse("lacks an adapter: adapter_config.json and adapter_model.safetensors");
  for (const [folder, files] of adapters) {
    const place = folder === "" ? "" : `${folder}/`;
    if (!files.includes("adapter_config.json")) throw refuse(`lacks ${place}adapter_config.json`);
    if (files.length === 1) throw refuse(`lacks ${place}adapter_model.safetensors`);
    if (files.length > 2)
      throw refuse(`has two files of tensors for one adapter: ${place}${files.slice(-2).join(", ")}`);
  }
  const folders = [...adapters.keys()];
  if (adapters.has("")) {
    if (adapters.size > 1) throw refuse(`has an adapter at the top and others in folders: ${folders.join(" ").trim()}`);
    return;
  }
  const numbers = folders.map((folder) => Number(folder.slice(0, folder.indexOf("-")))).sort((a, b) => a - b);
  if (numbers.some((number, index) => number !== index)) {
    throw refuse(`has folders of adapters that are not counted from 0: ${folders.join(", ")}`);
  }
}
