import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readAdapterParts } from "../../../shared/package/adapter-parts.ts";
import { writeDeltaFolder } from "../../../shared/package/delta-folder.ts";
import { ADAPTER_FORMATS } from "../../../shared/peft/registry.ts";
import { goldenBase } from "../../trainer/golden-llama.ts";
import { randomScorer } from "../delta/random-scorer.ts";

const { config, weights } = goldenBase();
const digest = (letter: string) => letter.repeat(64);
const base = {
  config,
  digest: digest("a"),
  tokenizerDigest: digest("b"),
  weight: async (name: string) => weights.get(name)!,
};
const golden = (name: string): [string, Uint8Array][] =>
  ["adapter_config.json", "adapter_model.safetensors"].map((file) => [
    file,
    new Uint8Array(readFileSync(new URL(`../../golden/lora/${name}/${file}`, import.meta.url))),
  ]);
const inside = (folder: string, files: readonly [string, Uint8Array][]) =>
  files.map(([name, bytes]): [string, Uint8Array] => [`${folder}/${name}`, bytes]);
const read = (files: readonly [string, Uint8Array][], target = base) =>
  readAdapterParts(new Map(files), target, ADAPTER_FORMATS);
const text = (value: string) => new TextEncoder().encode(value);

describe("one adapter", () => {
  it("is read from the top level, or from a folder around it", async () => {
    const { adapters, manifest } = await read(golden("adapter"));
    expect(manifest).toBeUndefined();
    expect(adapters.map(({ method }) => method)).toEqual(["lora"]);
    expect((await read(inside("my-adapter", golden("adapter")))).adapters).toEqual(adapters);
  });

  it("comes with its manifest if it was published", async () => {
    const { adapters } = await read(golden("adapter"));
    const provenance = {
      base_model: "tiny",
      base_digest: base.digest,
      tokenizer_digest: base.tokenizerDigest,
      data_digests: [],
      metrics: { tuned_loss: 1 },
      parents: [digest("c")],
      created_at: 5,
    };
    const files = [...(await writeDeltaFolder(adapters, provenance))];
    const again = await read(files);
    expect(again.adapters).toEqual(adapters);
    expect(again.manifest).toMatchObject(provenance);
    await expect(read(files, { ...base, digest: digest("f") })).rejects.toThrow("was made for tiny");
  });
});

describe("a scorer", () => {
  const provenance = {
    base_model: "tiny",
    base_digest: base.digest,
    tokenizer_digest: base.tokenizerDigest,
    data_digests: [],
    metrics: {},
    parents: [],
    created_at: 5,
  };
  const scorer = randomScorer(config);

  it("comes back with a downloaded delta, beside its adapter or alone", async () => {
    const { adapters } = await read(golden("adapter"));
    for (const made of [adapters, []]) {
      const files = [...(await writeDeltaFolder(made, provenance, scorer))];
      const again = await read(inside("downloaded", files));
      expect(again.scorer).toEqual(scorer);
      expect(again.adapters).toEqual(made);
      expect(again.ignored).toEqual([]);
    }
    expect((await read(golden("adapter"))).scorer).toBeUndefined();
  });

  it("of another base is refused", async () => {
    const files = [...(await writeDeltaFolder([], provenance, randomScorer({ ...config, hiddenSize: 3 })))];
    await expect(read(files)).rejects.toThrow("scorer.safetensors has a tensor scorer.weight");
  });
});

describe("what trainers and archivers leave beside an adapter", () => {
  const adapter = golden("adapter");
  const beside = [
    ...["__MACOSX/._adapter_config.json", "._adapter_model.safetensors", ".DS_Store", "tokenizer.json", "merges.txt"],
    ...["special_tokens_map.json", "chat_template.jinja", "optimizer.pt", "scheduler.pt", "rng_state_0.pth"],
    ...["training_args.bin", "trainer_state.json", "runs/Jan01/events.out.tfevents.1", "config.json", "LICENSE"],
    ...["global_step9/mp_rank_00_model_states.pt", "loss.png", "all_results.json", "latest", "zero_to_fp32.py"],
  ];

  it("is ignored and listed", async () => {
    const { adapters } = await read(adapter);
    const { adapters: same, ignored } = await read([
      ...beside.map((name): [string, Uint8Array] => [name, text("x")]),
      ...adapter,
      ["README.md", text("card")],
    ]);
    expect(same).toEqual(adapters);
    expect(ignored).toEqual(beside);
    expect((await read(adapter)).ignored).toEqual([]);
  });

  it("may lie beside an outer folder, as macOS packs it", async () => {
    const { adapters, ignored } = await read([
      ...inside("best", adapter),
      ["__MACOSX/best/._adapter_config.json", text("x")],
      ["best/.DS_Store", text("x")],
    ]);
    expect(adapters).toHaveLength(1);
    expect(ignored).toEqual(["__MACOSX/best/._adapter_config.json", "best/.DS_Store"]);
  });

  it("checkpoints beside the final adapter are ignored; without one, only a single one is read", async () => {
    const checkpoints = [...inside("out/checkpoint-5", adapter), ...inside("out/checkpoint-10", adapter)];
    const final = await read([...inside("out", adapter), ...checkpoints]);
    expect(final.adapters).toHaveLength(1);
    expect(final.ignored).toEqual(checkpoints.map(([name]) => name));
    expect((await read(inside("out/checkpoint-5", adapter))).adapters).toHaveLength(1);
    await expect(read(checkpoints)).rejects.toThrow(
      "holds several checkpoints of one run (checkpoint-5, checkpoint-10); upload the folder of the one to serve",
    );
  });
});

describe("several adapters", () => {
  it("are read from their folders in numerical order", async () => {
    const folders = [...inside("10-lora", golden("rslora-patterns")), ...inside("2-lora", golden("adapter"))];
    const { adapters } = await read(folders);
    const [first] = (await read(golden("adapter"))).adapters;
    expect(adapters).toHaveLength(2);
    expect(adapters[0]).toEqual(first);
  });

  it("are found inside any outer folders", async () => {
    const folders = [...inside("one", golden("adapter")), ...inside("other", golden("rslora-patterns"))];
    const { adapters } = await read(folders);
    expect(adapters).toHaveLength(2);
    const packed: [string, Uint8Array][] = inside("runs/best", [["README.md", text("card")], ...folders]);
    expect((await read(packed)).adapters).toEqual(adapters);
    expect((await read(inside("best", folders))).adapters).toEqual(adapters);
    // The way peft saves a named adapter.
    const named: [string, Uint8Array][] = [["README.md", text("card")], ...inside("one", golden("adapter"))];
    expect((await read(inside("best", named))).adapters).toEqual(adapters.slice(0, 1));
  });

  it("are named in errors", async () => {
    const broken: [string, Uint8Array][] = [["1-lora/adapter_config.json", text(`{"peft_type":"LORA"}`)]];
    await expect(read([...inside("0-lora", golden("adapter")), ...broken])).rejects.toThrow(
      "1-lora/: the folder lacks adapter_model.safetensors",
    );
  });
});

it.each<[string, [string, Uint8Array][], string]>([
  ["an empty folder", [], "the folder lacks adapter_config.json"],
  ["only a model card", [["README.md", text("hi")]], "the folder lacks adapter_config.json"],
  [
    "files beside the folders",
    [...inside("0-lora", golden("adapter")), ...golden("adapter")],
    '"adapter_config.json" is outside the folders of the adapters',
  ],
  [
    "a configuration as large as tensors",
    inside("0-lora", [["adapter_config.json", text(`{"peft_type":"${"X".repeat(1 << 20)}"}`)]]),
    '"adapter_config.json" has 1048592 bytes; at most 1048576 are allowed',
  ],
  [
    "more adapters than a manifest can list",
    Array.from({ length: 65 }, (_, n) => inside(`${n}-lora`, golden("adapter"))).flat(),
    "there are 65 adapters; a delta has at most 64",
  ],
  ["a pickle", [...golden("adapter"), ["adapter_model.bin", text("x")]], "is a pickle file, which can run code"],
])("%s is refused", async (_name, files, message) => {
  await expect(read(files)).rejects.toThrow(message);
  await expect(read(files)).rejects.toMatchObject({ code: "invalid_delta" });
});
