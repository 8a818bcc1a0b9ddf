import { describe, expect, test } from "vitest";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { parseManifest } from "../../../shared/delta/manifest.ts";
import { decodeScorer } from "../../../shared/delta/scorer-file.ts";
import { decodeCanonical, encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { sumDeltas } from "../../../shared/delta/sum.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { writeDeltaFolder } from "../../../shared/package/delta-folder.ts";
import type { Adapter } from "../../../shared/peft/method.ts";
import { f32, type Tensor, zeros } from "../../../shared/tensor.ts";
import { randomScorer } from "../delta/random-scorer.ts";
import { type GoldenAdapter, goldenConfig, goldenDelta, goldenFolder } from "../peft/golden-adapters.ts";

const digest = (letter: string) => letter.repeat(64);
const provenance = {
  base_model: "tiny",
  base_digest: digest("a"),
  tokenizer_digest: digest("b"),
  data_digests: [digest("c")],
  metrics: { train_loss: 1 },
  parents: [],
  created_at: 5,
};

async function adapter(name: GoldenAdapter): Promise<Adapter> {
  return { method: "lora", files: goldenFolder(name), delta: await goldenDelta(name), parameters: 7 };
}
const prompt: Adapter = {
  method: "prompt",
  files: new Map([["adapter_config.json", new TextEncoder().encode("{}")]]),
  delta: {
    ...NO_DELTA,
    prompt: f32([2, goldenConfig.hiddenSize], new Float32Array(2 * goldenConfig.hiddenSize).fill(1)),
  },
  parameters: 2 * goldenConfig.hiddenSize,
};

describe("a published delta", () => {
  test("records methods beyond those of its adapters", async () => {
    const made = { ...provenance, methods: ["dora", "lora"], merge: { method: "linear", weights: [1, 1] } };
    const manifest = parseManifest((await writeDeltaFolder([await adapter("adapter")], made)).get("manifest.json")!);
    expect(manifest).toMatchObject({ methods: made.methods, merge: made.merge });
  });

  test("must not overflow 32-bit floats", async () => {
    const { delta, ...rest } = await adapter("adapter");
    const [[path, module]] = [...delta.linears] as [[string, { a: Tensor<"f32">; b: Tensor<"f32"> }]];
    const b = f32(
      module.b.shape,
      module.b.data.map(() => Number.POSITIVE_INFINITY),
    );
    const changed = { ...delta, linears: new Map([[path, { ...module, b }]]) };
    await expect(writeDeltaFolder([{ ...rest, delta: changed }], provenance)).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining(`multiplied by its scale, ${path}.B overflows`),
    });
  });

  test.each([
    ["values", 1e20, 1e-20, "reach 1.0e+20,"],
    ["products of factors", 1e10, 1e10, "e+20,"],
  ])("must not have %s at which every model overflows", async (_, a, b, words) => {
    const { delta, ...rest } = await adapter("adapter");
    const [[path, module]] = [...delta.linears] as [[string, { a: Tensor<"f32">; b: Tensor<"f32"> }]];
    const filled = ({ shape, data }: Tensor<"f32">, value: number) =>
      f32(
        shape,
        data.map(() => value),
      );
    const linears = (by: number) =>
      new Map([[path, { ...module, a: filled(module.a, a * by), b: filled(module.b, b * by) }]]);
    const made = (by: number) => writeDeltaFolder([{ ...rest, delta: { ...delta, linears: linears(by) } }], provenance);
    await expect(made(1)).rejects.toMatchObject({ code: "invalid_delta", message: expect.stringContaining(words) });
    await made(1e-5);
  });

  test("of one adapter has its files at the top level, with a matching serving form and manifest", async () => {
    const one = await adapter("adapter");
    const files = await writeDeltaFolder([one], provenance);
    expect([...files.keys()].sort()).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "manifest.json",
      "serving.safetensors",
    ]);
    for (const [name, bytes] of one.files) expect(files.get(name)).toBe(bytes);
    expect(files.get("serving.safetensors")).toEqual(encodeCanonical(one.delta));
    expect(decodeCanonical(files.get("serving.safetensors")!, goldenConfig)).toEqual(one.delta);
    expect(parseManifest(files.get("manifest.json")!)).toEqual({
      format: "trimtab.delta/1",
      ...provenance,
      methods: ["lora"],
      trainable_parameters: 7,
      digest: await sha256Hex(encodeCanonical(one.delta)),
    });
  });

  test("of several adapters has a folder for each, and serves their sum", async () => {
    const adapters = [await adapter("adapter"), prompt, await adapter("regex-targets-f16")];
    const files = await writeDeltaFolder(adapters, provenance);
    expect([...files.keys()].sort()).toEqual([
      "0-lora/adapter_config.json",
      "0-lora/adapter_model.safetensors",
      "1-prompt/adapter_config.json",
      "2-lora/adapter_config.json",
      "2-lora/adapter_model.safetensors",
      "manifest.json",
      "serving.safetensors",
    ]);
    const served = decodeCanonical(files.get("serving.safetensors")!, goldenConfig);
    const sum = sumDeltas(adapters.map(({ delta }) => ({ delta, weight: 1 })));
    expect(encodeCanonical(served)).toEqual(encodeCanonical(sum));
    expect(served.prompt).toEqual(prompt.delta.prompt);
    expect(parseManifest(files.get("manifest.json")!)).toMatchObject({
      methods: ["lora", "prompt", "lora"],
      trainable_parameters: 14 + prompt.parameters,
    });
  });

  test("of a scorer has its own file, with or without adapters, and says what it tells apart", async () => {
    const scorer = randomScorer(goldenConfig);
    const numbers = 2 * goldenConfig.hiddenSize + 2 + 6 * goldenConfig.hiddenSize + 3 * goldenConfig.vocabSize;
    const one = await adapter("adapter");
    for (const adapters of [[], [one]]) {
      const files = await writeDeltaFolder(adapters, provenance, scorer);
      expect(decodeScorer(files.get("scorer.safetensors")!, goldenConfig)).toEqual(scorer);
      const served = decodeCanonical(files.get("serving.safetensors")!, goldenConfig);
      expect(served).toEqual({ ...(adapters[0]?.delta ?? NO_DELTA), scorer });
      expect(parseManifest(files.get("manifest.json")!)).toMatchObject({
        methods: [...adapters.map(({ method }) => method), "scorer"],
        scorer: { labels: scorer.about.labels, modes: ["lookahead", "class_rows", "token_values"] },
        trainable_parameters: numbers + 7 * adapters.length,
        digest: await sha256Hex(files.get("serving.safetensors")!),
      });
    }
    await expect(writeDeltaFolder([], provenance)).rejects.toThrow("changes nothing");
  });

  test("has the same bytes for the same adapter", async () => {
    const write = async () => writeDeltaFolder([await adapter("adapter")], provenance);
    expect(await write()).toEqual(await write());
  });

  test("must change something", async () => {
    const one = await adapter("adapter");
    const linears = new Map([...one.delta.linears].map(([path, { a, b }]) => [path, { a: a!, b: zeros(b!.shape) }]));
    await expect(writeDeltaFolder([{ ...one, delta: { ...one.delta, linears } }], provenance)).rejects.toThrow(
      expect.objectContaining({
        code: "invalid_delta",
        message: expect.stringContaining("the adapter changes nothing"),
      }),
    );
  });

  test("must have adapters that can be combined", async () => {
    await expect(writeDeltaFolder([prompt, prompt], provenance)).rejects.toThrow(
      expect.objectContaining({ code: "invalid_delta", message: expect.stringContaining("at most one can") }),
    );
  });
});
