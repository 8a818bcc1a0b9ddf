import { describe, expect, it } from "vitest";
import { parseSafetensors, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { loadModelFolder, readModelJson } from "../../../shared/model/model-folder.ts";
import { EMBEDDING, HEAD, weightSpecs } from "../../../shared/model/modules.ts";
import { modelFolder, smallFiles, WEIGHT_FILE, weightFile } from "../../../shared/model/write-folder.ts";
import { tinyModel } from "../../trainer/tiny-model.ts";

const base = tinyModel();
base.set("README.md", new TextEncoder().encode("the base's card"));
base.set("model.safetensors.index.json", new TextEncoder().encode("{}"));
const { config, weights } = loadModelFolder(base);
const weight = (name: string) => weights.get(name)!;

describe("smallFiles", () => {
  it.each([
    [{ torch_dtype: "float16" }, { torch_dtype: "float32" }],
    [{ dtype: "bfloat16" }, { dtype: "float32" }],
    [{ dtype: "bfloat16", torch_dtype: "float16" }, { dtype: "float32" }],
  ])("says once that the weights are float32: %j", (given, expected) => {
    const { torch_dtype: _, dtype: __, ...others } = readModelJson(base, "config.json") as Record<string, unknown>;
    const file = new TextEncoder().encode(JSON.stringify({ ...others, ...given }));
    const written = readModelJson(smallFiles({ config, base: new Map(base).set("config.json", file) }), "config.json");
    expect(written).toEqual({ ...others, ...expected });
  });
});

describe("modelFolder", () => {
  it("loads with exactly the given weights, and the base's tokenizer and template", async () => {
    const written = await modelFolder({ config, base, weight });
    expect([...written.keys()].sort()).toEqual([
      "chat_template.jinja",
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    const loaded = loadModelFolder(written);
    expect(loaded.config).toEqual(config);
    expect(loaded.weights).toEqual(weights);
    for (const name of ["tokenizer.json", "chat_template.jinja"]) expect(written.get(name)).toEqual(base.get(name));
  });

  it("writes the bytes that writeSafetensors writes", async () => {
    const written = (await modelFolder({ config, base, weight })).get(WEIGHT_FILE)!;
    expect(written).toEqual(writeSafetensors(parseSafetensors(written).tensors, { format: "pt" }));
  });

  it("gives a head of its own to a model whose base is tied", async () => {
    const untied = { ...config, tied: false };
    const written = await modelFolder({
      config: untied,
      base,
      weight: (name) => weights.get(name === HEAD ? EMBEDDING : name)!,
    });
    expect(readModelJson(written, "config.json")).toMatchObject({ tie_word_embeddings: false });
    const loaded = loadModelFolder(written);
    expect(loaded.config).toEqual(untied);
    expect(loaded.weights.get(HEAD)).toEqual(weights.get(EMBEDDING));
  });
});

describe("smallFiles", () => {
  it("sets the dtype to float32, under the name used by the base's config.json", () => {
    const json = readModelJson(base, "config.json") as Record<string, unknown>;
    expect(readModelJson(smallFiles({ config, base }), "config.json")).toEqual({ ...json, torch_dtype: "float32" });
    const { torch_dtype: _, ...newer } = json;
    const renamed = new Map(base).set(
      "config.json",
      new TextEncoder().encode(JSON.stringify({ ...newer, dtype: "bfloat16" })),
    );
    expect(readModelJson(smallFiles({ config, base: renamed }), "config.json")).toEqual({ ...newer, dtype: "float32" });
  });
});

describe("weightFile", () => {
  it("requests each weight once, in file order", async () => {
    const asked: string[] = [];
    const pieces = weightFile({
      config,
      weight: async (name) => {
        asked.push(name);
        return weight(name);
      },
    });
    await pieces.next();
    expect(asked).toEqual([]);
    const { value } = await pieces.next();
    expect(asked).toHaveLength(1);
    expect(value!.byteLength).toBe(weight(asked[0]!).data.byteLength);
    for await (const _ of pieces);
    expect([...asked].sort()).toEqual(
      weightSpecs(config)
        .map(({ name }) => name)
        .sort(),
    );
  });
});
