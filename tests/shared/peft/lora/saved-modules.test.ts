import { describe, expect, test } from "vitest";
import { fromF32, parseSafetensors, type SafetensorsTensor, toF32 } from "../../../../shared/formats/safetensors.ts";
import { readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { doraFormat } from "../../../../shared/peft/dora/format.ts";
import { loraFormat } from "../../../../shared/peft/lora/format.ts";
import { logitsOf, type PeftGolden, peftGolden, served, withTensors } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";
import { withConfig } from "../golden-adapters.ts";

const formats = new Map([
  ["lora", loraFormat],
  ["dora", doraFormat],
]);
const read = ({ folder, base }: PeftGolden) => readAdapterFolder(folder, base, formats);
const HEAD = "base_model.model.lm_head.weight";

describe.each([
  "lora-saved-head",
  "lora-saved-embeddings",
  "lora-saved-projection",
  "lora-saved-head-tied",
  "lora-saved-embeddings-tied",
  "lora-saved-both-tied",
  "lora-saved-ensured-tying",
  "lora-saved-nothing-new",
  "lora-tokens",
  "lora-tokens-of-both",
  "lora-tokens-tied",
])("peft's %s", (name) => {
  test("is served with peft's logits", async () => {
    const golden = await peftGolden(name);
    const { delta } = await read(golden);
    const logits = await logitsOf(golden, served(golden.config, delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
  });
});

describe("weights trained whole", () => {
  test("are counted, and take one column for each changed row where that is fewest", async () => {
    const golden = await peftGolden("lora-tokens");
    const { delta, parameters } = await read(golden);
    const { vocabSize, hiddenSize } = golden.config;
    expect(parameters).toBe(golden.json.trainableParameters);
    expect([delta.embedding?.a.shape, delta.embedding?.b.shape]).toEqual([
      [vocabSize, 3],
      [3, hiddenSize],
    ]);
    expect((await read(await peftGolden("lora-saved-head"))).delta.linears.get("lm_head")?.a?.shape).toEqual([
      hiddenSize,
      hiddenSize,
    ]);
    expect((await read(await peftGolden("lora-saved-nothing-new"))).delta.linears.has("lm_head")).toBe(false);
  });

  const zero = (shape: readonly number[]): SafetensorsTensor => ({
    dtype: "F32",
    shape,
    bytes: fromF32(new Float32Array(shape.reduce((product, size) => product * size, 1)), "F32"),
  });
  const refusal = async (
    name: string,
    config: object,
    change: (tensors: Map<string, SafetensorsTensor>) => void = () => {},
  ) => {
    const golden = await peftGolden(name);
    const folder = withTensors(withConfig(golden.folder, { ...config }), change);
    return read({ ...golden, folder }).then(
      () => "",
      (error: Error) => error.message,
    );
  };

  test("name a norm, unless it is the base's own", async () => {
    const norm = "base_model.model.model.norm.weight";
    const config = { modules_to_save: ["norm", "lm_head"] };
    expect(await refusal("lora-saved-head", config, (tensors) => tensors.set(norm, zero([32])))).toMatch(
      /^modules_to_save in adapter_config\.json includes model\.norm: a delta adds to linear layers and embeddings, and cannot change a norm/,
    );
    const { weights } = await peftGolden("lora-saved-head");
    const own = { ...zero([32]), bytes: fromF32(weights.get("model.norm.weight")!.data, "F32") };
    expect(await refusal("lora-saved-head", config, (tensors) => tensors.set(norm, own))).toBe("");
  });

  test("name a vocabulary that was extended", async () => {
    const larger = (key: string) => (tensors: Map<string, SafetensorsTensor>) => void tensors.set(key, zero([98, 32]));
    for (const name of ["lora-saved-head", "lora-tokens"] as const)
      expect(await refusal(name, {}, larger(HEAD))).toMatch(
        /^the tensor base_model\.model\.lm_head\.weight has 98 rows, but the base model has 96: tokens were added or removed/,
      );
  });

  test("are no factors too", async () => {
    const config = { modules_to_save: ["lm_head", "layers.0.self_attn.q_proj"] };
    const q = "base_model.model.model.layers.0.self_attn.q_proj.weight";
    expect(await refusal("lora-saved-head", config, (tensors) => tensors.set(q, zero([32, 32])))).toMatch(
      /^modules_to_save in adapter_config\.json names layers\.0\.self_attn\.q_proj, which target_modules names too/,
    );
  });

  test.each([
    [
      "lora-tokens",
      { trainable_token_indices: { q_proj: [1] } },
      /names q_proj; only embed_tokens and lm_head have rows/,
    ],
    ["lora-tokens", { trainable_token_indices: [1, 2, 96] }, /has the token 96, but the base model has 96 tokens/],
    ["lora-tokens", { trainable_token_indices: [1, 2, 2] }, /names a token twice/],
    ["lora-tokens", { trainable_token_indices: [1, 2] }, /trainable_tokens_delta has shape \[3, 32\]/],
    ["lora-saved-head", { modules_to_save: ["score"] }, /names score, but the folder has no tensors of it/],
    ["lora-saved-head", { modules_to_save: null }, /lm_head\.weight differs from the base model's/],
  ])("are refused where %s says %j", async (name, config, message) => {
    expect(await refusal(name, config)).toMatch(message);
  });

  test("stand beside factors with magnitudes", async () => {
    const [saved, dora] = [await peftGolden("lora-saved-head"), await peftGolden("dora")];
    const tensor = parseSafetensors(saved.folder.get("adapter_model.safetensors")!).tensors.get(HEAD)!;
    const folder = withTensors(withConfig(dora.folder, { modules_to_save: ["lm_head"] }), (tensors) =>
      tensors.set(HEAD, tensor),
    );
    const { delta, method } = await read({ ...dora, folder });
    expect(method).toBe("dora");
    const identity = delta.linears.get("lm_head")!;
    const change = toF32(tensor).map((value, at) => value - saved.weights.get("lm_head.weight")!.data[at]!);
    const [width, vocabulary] = [saved.config.hiddenSize, saved.config.vocabSize];
    expect(identity.b!.data[5 * vocabulary + 7]).toBe(change[7 * width + 5]);
  });
});
