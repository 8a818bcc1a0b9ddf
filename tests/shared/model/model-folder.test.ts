import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { loadFolderTokenizer, loadModelFolder, weightTensors } from "../../../shared/model/model-folder.ts";
import { EMBEDDING, weightSpecs } from "../../../shared/model/modules.ts";

const read = (folder: string, skip = /^$/) => {
  const url = new URL(`../../golden/${folder}/`, import.meta.url);
  const names = readdirSync(url).filter((name) => !skip.test(name));
  return new Map<string, Uint8Array>(names.map((name) => [name, new Uint8Array(readFileSync(new URL(name, url)))]));
};
const bytes = (text: string) => new TextEncoder().encode(text);
const tokenizer = read("tokenizer/hub/gpt2-like");
const sharded = read("llama/tied-sharded-bf16");
const INDEX = "model.safetensors.index.json";

describe("loadModelFolder", () => {
  it.each(["plain", "tied-sharded-bf16", "qwen2"])("reads the weights and the tokenizer of %s", (name) => {
    const { config, weights, tokenizer: loaded } = loadModelFolder(new Map([...tokenizer, ...read(`llama/${name}`)]));
    expect([...weights.keys()].sort()).toEqual(
      weightSpecs(config)
        .map((spec) => spec.name)
        .sort(),
    );
    expect(weights.get(EMBEDDING)).toMatchObject({ dtype: "f32", shape: [96, 32] });
    expect(loaded.decode(loaded.encode("two words"))).toBe("two words");
  });

  it("takes the chat template from its own file before the one in tokenizer_config.json", () => {
    const files = new Map(tokenizer);
    files.set("chat_template.jinja", bytes("{{ messages[0].content }}!"));
    expect(loadFolderTokenizer(files).chatTemplate).toBe("{{ messages[0].content }}!");
  });

  it("names the file that is missing or unreadable", () => {
    expect(() => loadModelFolder(new Map())).toThrow('the model folder lacks "config.json"');
    expect(() => loadModelFolder(new Map([["config.json", Uint8Array.of(0xff)]]))).toThrow(
      "config.json is not UTF-8 text",
    );
    expect(() => loadModelFolder(new Map([["config.json", bytes("{")]]))).toThrow("config.json is not valid JSON");
    const config = read("llama/plain", /safetensors/);
    expect(() => loadModelFolder(config)).toThrow(`the model folder lacks "${INDEX}"`);
    expect(() => loadModelFolder(read("llama/plain"))).toThrow('the model folder lacks "tokenizer.json"');
  });
});

describe("weightTensors of shards", () => {
  const indexOf = (change: (map: Record<string, string>) => void) => {
    const map = JSON.parse(new TextDecoder().decode(sharded.get(INDEX))) as { weight_map: Record<string, string> };
    change(map.weight_map);
    return new Map([...sharded, [INDEX, bytes(JSON.stringify(map))]]);
  };
  const first = "model-00001-of-00004.safetensors";

  it("gives the tensors of all shards", () => {
    expect(weightTensors(sharded).size).toBe(20);
  });

  it("refuses an index that does not agree with the shards", () => {
    const extra = indexOf((map) => {
      map.nothing = first;
    });
    expect(() => weightTensors(extra)).toThrow(`${first} lacks "nothing", which ${INDEX} places there`);
    const moved = indexOf((map) => {
      map[EMBEDDING] = "model-00002-of-00004.safetensors";
    });
    expect(() => weightTensors(moved)).toThrow(`holds "${EMBEDDING}", which ${INDEX} does not place there`);
    const elsewhere = indexOf((map) => {
      map[EMBEDDING] = "../../secret.safetensors";
    });
    expect(() => weightTensors(elsewhere)).toThrow(/does not place there|lacks "\.\.\/\.\.\/secret/);
    expect(() => weightTensors(new Map([[INDEX, bytes("{}")]]))).toThrow("has no weight_map");
  });

  it("refuses a truncated shard by name", () => {
    const torn = new Map([...sharded, [first, sharded.get(first)!.slice(0, -2)]]);
    expect(() => weightTensors(torn)).toThrow(new RegExp(`^${first} is truncated`));
  });

  it("refuses a tensor of another shape", () => {
    const files = new Map([...tokenizer, ...read("llama/plain")]);
    files.set(
      "model.safetensors",
      writeSafetensors(new Map([[EMBEDDING, { dtype: "F32", shape: [1], bytes: new Uint8Array(4) }]])),
    );
    expect(() => loadModelFolder(files)).toThrow(`${EMBEDDING} is [1] in the weight file`);
  });
});
