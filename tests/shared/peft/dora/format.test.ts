import { describe, expect, it } from "vitest";
import { fromF32 } from "../../../../shared/formats/safetensors.ts";
import { weightName } from "../../../../shared/model/modules.ts";
import { readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { doraFormat } from "../../../../shared/peft/dora/format.ts";
import { loraFormat } from "../../../../shared/peft/lora/format.ts";
import type { BaseAccess } from "../../../../shared/peft/method.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";
import { goldenFile, logitsOf, peftGolden, served, withConfig, withTensors } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const formats = new Map([
  ["lora", loraFormat],
  ["dora", doraFormat],
]);
const plain = await peftGolden("dora");
const read = (folder: ReadonlyMap<string, Uint8Array>, base: BaseAccess = plain.base) =>
  readAdapterFolder(folder, base, formats);
const Q0 = "base_model.model.model.layers.0.self_attn.q_proj";
const M0 = `${Q0}.lora_magnitude_vector`;

interface Packed {
  readonly data: readonly number[];
}

describe("reading what peft wrote", () => {
  it.each(["dora", "dora-rslora-patterns", "dora-qwen2", "dora-biases", "dora-head", "dora-pissa"])(
    "serves peft's logits: %s",
    async (name) => {
      const golden = await peftGolden(name);
      const { delta, method, parameters } = await read(golden.folder, golden.base);
      expect(method).toBe("dora");
      // The head's adapter comes with an untrained copy of the base's weight.
      expect(parameters).toBe(golden.json.trainableParameters);
      const logits = await logitsOf(golden, served(golden.config, delta));
      expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
      const { norms } = golden.json as unknown as { norms: Readonly<Record<string, Packed>> };
      const stored = goldenFile(name, "adapter_model.safetensors");
      for (const [module, { data }] of Object.entries(norms)) {
        const m = stored.get(`base_model.model.${module}.lora_magnitude_vector`)!.data;
        const { scale } = delta.linears.get(module.replace(/^model\./, ""))!;
        expect(
          largestDifference(
            scale!.data,
            [...m].map((value, j) => value / data[j]!),
          ),
        ).toBeLessThan(1e-5);
      }
    },
  );

  it("reads only the weights of its own layers", async () => {
    const asked: string[] = [];
    const weight = (name: string) => {
      asked.push(name);
      return plain.base.weight(name);
    };
    const { delta } = await read(plain.folder, { config: plain.config, weight });
    expect(new Set(asked)).toEqual(new Set([...delta.linears.keys()].map(weightName)));
  });

  it("serves only scales if the factors are zero", async () => {
    const golden = await peftGolden("dora-qwen2");
    const still = withTensors(golden.folder, (all) => {
      for (const [key, tensor] of all) {
        if (key.includes("lora_B")) all.set(key, { ...tensor, bytes: new Uint8Array(tensor.bytes.length) });
      }
    });
    const { delta } = await read(still, golden.base);
    for (const [path, { a, b, scale }] of delta.linears) {
      expect([a, b]).toEqual([undefined, undefined]);
      const { shape, data } = golden.weights.get(weightName(path))!;
      const m = goldenFile("dora-qwen2", "adapter_model.safetensors").get(
        `base_model.model.model.${path}.lora_magnitude_vector`,
      )!;
      const out = shape[1]!;
      const lengths = Array.from({ length: out }, (_, j) =>
        Math.hypot(...Array.from({ length: shape[0]! }, (_, i) => data[i * out + j]!)),
      );
      expect(
        largestDifference(
          scale!.data,
          lengths.map((length, j) => m.data[j]! / length),
        ),
      ).toBeLessThan(1e-5);
    }
  });
});

describe("errors say what is wrong", () => {
  const with0 = (change: (tensor: Tensor<"f32">) => Tensor<"f32">) =>
    withTensors(plain.folder, (all) => {
      const { shape, data } = change(goldenFile("dora", "adapter_model.safetensors").get(M0)!);
      all.set(M0, { dtype: "F32", shape, bytes: fromF32(data, "F32") });
    });

  it.each<[string, () => Map<string, Uint8Array>, string]>([
    ["no magnitude", () => withTensors(plain.folder, (all) => all.delete(M0)), `lacks the tensor ${M0}`],
    [
      "a magnitude of another size",
      () => with0(({ data }) => f32([16], data.slice(0, 16))),
      `the tensor ${M0} has shape [16], but the base model needs [32]`,
    ],
    [
      "a magnitude that is not finite",
      () =>
        with0(({ shape, data }) =>
          f32(
            shape,
            data.map((value, i) => (i === 3 ? Number.NaN : value)),
          ),
        ),
      `a tensor "${M0}" whose element 3 is not finite`,
    ],
    [
      "magnitudes where the configuration has none",
      () => withConfig(plain.folder, { use_dora: false }),
      'lora_magnitude_vector" matches no part of the adapter',
    ],
    [
      "an embedding among the targets",
      () => withConfig(plain.folder, { target_modules: ["q_proj", "embed_tokens"] }),
      "use_dora in adapter_config.json is not supported with the target embed_tokens: a delta cannot scale embeddings",
    ],
    ["biases of factors", () => withConfig(plain.folder, { lora_bias: true }), "lora_bias in adapter_config.json"],
    ["an unknown field", () => withConfig(plain.folder, { something_new: 1 }), "something_new is not supported"],
  ])("%s", async (_name, make, message) => {
    await expect(read(make())).rejects.toMatchObject({
      name: "TrimtabError",
      code: "invalid_delta",
      message: expect.stringContaining(message),
    });
  });
});
