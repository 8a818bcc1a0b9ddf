import { describe, expect, test } from "vitest";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { parseSafetensors } from "../../../shared/formats/safetensors.ts";
import {
  ADAPTER_CONFIG,
  ADAPTER_WEIGHTS,
  adapterFiles,
  baseName,
  parseAdapterFolder,
  readAdapterFolder,
} from "../../../shared/peft/adapter-folder.ts";
import type { AdapterFormat, BaseAccess } from "../../../shared/peft/method.ts";
import { f32 } from "../../../shared/tensor.ts";
import { goldenConfig, goldenFolder, withConfig } from "./golden-adapters.ts";

const base: BaseAccess = {
  config: goldenConfig,
  weight: () => Promise.reject(new Error("no format asks for a weight")),
};

/** A format that recognises one peft_type and returns the number of tensors. */
const format = (type: string): AdapterFormat => ({
  recognises: ({ peft_type }) => peft_type === type,
  read: ({ tensors }) => Promise.resolve({ method: type.toLowerCase(), delta: NO_DELTA, parameters: tensors.size }),
});
const formats = new Map([
  ["ia3", format("IA3")],
  ["lora", format("LORA")],
]);
const read = (files: ReadonlyMap<string, Uint8Array>) => readAdapterFolder(files, base, formats);
const bytes = (text: string) => new TextEncoder().encode(text);

describe("readAdapterFolder", () => {
  test("reads with the format that recognises the configuration, and keeps the two files", async () => {
    const folder = goldenFolder("adapter");
    expect(await read(folder)).toEqual({ method: "lora", delta: NO_DELTA, parameters: 12, files: folder });
  });

  test("files that belong to a delta may lie beside them, and are left out", async () => {
    const folder = goldenFolder("adapter");
    const more = new Map(folder)
      .set("README.md", bytes(""))
      .set("manifest.json", bytes(""))
      .set("serving.safetensors", bytes(""));
    expect((await read(more)).files).toEqual(folder);
  });

  test.each<[string, Record<string, unknown>, string]>([
    [
      "a method that is not known",
      { peft_type: "NOT_HERE" },
      'adapter_config.json has the unsupported peft_type "NOT_HERE"; use an adapter of one of these methods: ia3, lora',
    ],
    ["no method", { peft_type: null }, "adapter_config.json has no peft_type"],
  ])("%s is refused with those that are", async (_name, changes, message) => {
    const reading = read(withConfig(goldenFolder("adapter"), changes));
    await expect(reading).rejects.toThrow(expect.objectContaining({ code: "invalid_delta" }));
    await expect(reading).rejects.toThrow(message);
  });
});

describe("rejected files", () => {
  test.each<[string, (folder: Map<string, Uint8Array>) => unknown, string]>([
    ["no weights", (folder) => folder.delete(ADAPTER_WEIGHTS), "the folder lacks adapter_model.safetensors"],
    ["no configuration", (folder) => folder.delete(ADAPTER_CONFIG), "the folder lacks adapter_config.json"],
    [
      "a pickle",
      (folder) => folder.set("adapter_model.bin", bytes("x")),
      '"adapter_model.bin" is a pickle file, which can run code and is never read',
    ],
    ["a checkpoint's optimizer", (folder) => folder.set("optimizer.pt", bytes("x")), '"optimizer.pt" is a pickle'],
    ["a path", (folder) => folder.set("../x.json", bytes("x")), '"../x.json" is not part of an adapter; remove it'],
    [
      "several files of both kinds",
      (folder) => folder.set("a.pt", bytes("x")).set("b.pkl", bytes("x")).set("c.txt", bytes("x")).set("d", bytes("x")),
      '"a.pt", "b.pkl" are pickle files, which can run code and are never read; "c.txt", "d" are not part of an adapter; remove them; save the adapter with save_pretrained(folder, safe_serialization=True)',
    ],
    [
      "MLX's layout",
      (folder) => folder.set("adapters.safetensors", bytes("x")),
      "\"adapters.safetensors\" is an adapter in MLX's layout; convert it to peft's",
    ],
    [
      "a cut file",
      (folder) => folder.set(ADAPTER_WEIGHTS, folder.get(ADAPTER_WEIGHTS)!.slice(0, -4)),
      "adapter_model.safetensors is truncated",
    ],
    ["no JSON", (folder) => folder.set(ADAPTER_CONFIG, bytes("{")), "adapter_config.json is not valid JSON"],
    ["a list", (folder) => folder.set(ADAPTER_CONFIG, bytes("[]")), "adapter_config.json is not a JSON object"],
    [
      "a key twice",
      (folder) => folder.set(ADAPTER_CONFIG, bytes('{"r":1,"r":2}')),
      'adapter_config.json has the key "r" twice',
    ],
    ["no UTF-8", (folder) => folder.set(ADAPTER_CONFIG, Uint8Array.of(0xff)), "adapter_config.json is not UTF-8"],
    [
      "an interface that is no object",
      (folder) => folder.set("adapter_interface.json", bytes("null")),
      "adapter_interface.json is not a JSON object",
    ],
    [
      "another model's interface",
      (folder) => folder.set("adapter_interface.json", bytes('{"interface":{"model_layers":"h"}}')),
      'adapter_interface.json does not match this model: model_layers must be "layers"',
    ],
  ])("%s", async (_name, change, message) => {
    const folder = goldenFolder("adapter");
    change(folder);
    await expect(read(folder)).rejects.toThrow(message);
    await expect(read(folder)).rejects.toThrow(
      expect.objectContaining({ name: "TrimtabError", code: "invalid_delta" }),
    );
  });
});

describe("adapterFiles", () => {
  const files = adapterFiles({ peft_type: "LORA", b: 1, a: [2] }, new Map([["x", f32([2], [1, -2.5])]]));

  test("keeps the configuration's order, and ends the file", () => {
    expect(new TextDecoder().decode(files.get(ADAPTER_CONFIG))).toBe(
      '{\n  "peft_type": "LORA",\n  "b": 1,\n  "a": [\n    2\n  ]\n}\n',
    );
  });

  test("has the metadata that PyTorch's tools need, and survives a round trip", () => {
    expect(parseSafetensors(files.get(ADAPTER_WEIGHTS)!).metadata).toEqual({ format: "pt" });
    const { config, tensors } = parseAdapterFolder(files);
    expect(config).toEqual({ peft_type: "LORA", b: 1, a: [2] });
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([["x", "F32", [2]]]);
  });
});

test.each([
  [{ base_model_name_or_path: "owner/base" }, "owner/base"],
  [{ base_model_name_or_path: null, model_name: "owner/other" }, "owner/other"],
  [{ base_model_name_or_path: 7 }, undefined],
])("a folder says what its base is called: %j", (changes, name) => {
  expect(baseName(withConfig(goldenFolder("adapter"), changes))).toBe(name);
});
