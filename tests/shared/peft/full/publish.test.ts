import { describe, expect, it } from "vitest";
import { loadModelFolder, readModelJson } from "../../../../shared/model/model-folder.ts";
import { fullResult } from "../../../../shared/peft/full/publish.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { tinyModel } from "../../../trainer/tiny-model.ts";

const files = tinyModel();
files.set("README.md", new TextEncoder().encode("the base's card"));
const { config, weights } = loadModelFolder(files);
// A change that no 16-bit float could hold.
const values = new Map(
  [...weights].map(([name, { shape, data }]) => [
    name,
    f32(
      shape,
      data.map((x) => x * (1 + 2 ** -20)),
    ),
  ]),
);
const publish = (base = files) =>
  fullResult.files({
    config,
    settings: { type: "full" },
    seed: 1,
    weights,
    values,
    base: { id: "tiny", files: base },
  });

describe("fullResult", () => {
  it("publishes a folder with exactly the given weights, and the base's tokenizer and template", async () => {
    const published = await publish();
    expect([...published.keys()].sort()).toEqual([
      "chat_template.jinja",
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    const loaded = loadModelFolder(published);
    expect(loaded.config).toEqual(config);
    for (const [name, { data }] of loaded.weights) expect(data).toEqual(values.get(name)!.data);
    expect(loaded.tokenizer.chatTemplate).toBe(loadModelFolder(files).tokenizer.chatTemplate);
  });

  it("sets the dtype to float32, under the name used by its config.json", async () => {
    expect(readModelJson(await publish(), "config.json")).toMatchObject({ torch_dtype: "float32" });
    const { torch_dtype: _, ...newer } = readModelJson(files, "config.json") as Record<string, unknown>;
    const renamed = new Map(files).set(
      "config.json",
      new TextEncoder().encode(JSON.stringify({ ...newer, dtype: "bfloat16" })),
    );
    const config = readModelJson(await publish(renamed), "config.json");
    expect(config).toMatchObject({ dtype: "float32" });
    expect(config).not.toHaveProperty("torch_dtype");
  });
});
