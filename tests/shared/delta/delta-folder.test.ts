import { describe, expect, test } from "vitest";
import { canonicalLora, decodeCanonical, encodeCanonical } from "../../../shared/delta/canonical.ts";
import { readDeltaFolder, writeDeltaFolder } from "../../../shared/delta/delta-folder.ts";
import { readPeftFolder } from "../../../shared/delta/peft-folder.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { zeros } from "../../../shared/tensor.ts";
import { goldenConfig, goldenFolder } from "./golden-adapters.ts";

const digest = (letter: string) => letter.repeat(64);
const base = { config: goldenConfig, digest: digest("a"), tokenizerDigest: digest("b") };
const provenance = {
  base_model: "tiny",
  base_digest: base.digest,
  tokenizer_digest: base.tokenizerDigest,
  data_digests: [digest("c")],
  metrics: { train_loss: 1 },
  parents: [],
  created_at: 5,
};
const adapter = readPeftFolder(goldenFolder("adapter"), goldenConfig);
const write = () => writeDeltaFolder(adapter, goldenConfig, provenance);

describe("a published delta", () => {
  test("holds the four files, which agree, and reads the same", async () => {
    const files = await write();
    expect([...files.keys()].sort()).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "manifest.json",
      "serving.safetensors",
    ]);
    const { manifest, adapter: read } = await readDeltaFolder(files, base);
    expect(read).toEqual(adapter);
    expect(manifest).toMatchObject({
      ...provenance,
      methods: ["lora"],
      digest: await sha256Hex(encodeCanonical(canonicalLora(adapter))),
    });
    const golden = { trainable: 0 };
    for (const { a, b } of adapter.factors.values()) golden.trainable += a.data.length + b.data.length;
    expect(manifest.trainable_parameters).toBe(golden.trainable);
    expect(decodeCanonical(files.get("serving.safetensors")!, goldenConfig)).toEqual(canonicalLora(adapter));
  });

  test("the same adapter gives the same bytes", async () => {
    expect(await write()).toEqual(await write());
  });

  test("an adapter that changes nothing is not published", async () => {
    const factors = new Map([...adapter.factors].map(([path, { a, b }]) => [path, { a, b: zeros(b.shape) }]));
    await expect(writeDeltaFolder({ ...adapter, factors }, goldenConfig, provenance)).rejects.toThrow(
      expect.objectContaining({
        code: "invalid_delta",
        message: expect.stringContaining("the adapter changes nothing"),
      }),
    );
  });

  test("parts that do not belong together, or are missing, are refused", async () => {
    const [files, other] = [
      await write(),
      await writeDeltaFolder(readPeftFolder(goldenFolder("regex-targets-f16"), goldenConfig), goldenConfig, provenance),
    ];
    for (const name of ["manifest.json", "serving.safetensors"]) {
      await expect(readDeltaFolder(new Map([...files, [name, other.get(name)!]]), base)).rejects.toThrow(
        "do not belong together",
      );
      const without = new Map(files);
      without.delete(name);
      await expect(readDeltaFolder(without, base)).rejects.toThrow(`the folder lacks ${name}`);
    }
  });

  test("another base is refused", async () => {
    await expect(readDeltaFolder(await write(), { ...base, digest: digest("f") })).rejects.toThrow("was made for tiny");
  });
});
