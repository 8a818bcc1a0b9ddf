import { describe, expect, it } from "vitest";
import { fromF32, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { HEAD } from "../../../shared/model/modules.ts";
import { HEAD_CONFIG, HEAD_WEIGHTS, requireOwnHead } from "../../../shared/peft/adapter-head.ts";
import { goldenModel } from "../model/golden-models.ts";

const { config, weights } = await goldenModel("plain");
const base = { config, weight: async (name: string) => weights.get(name)! };
const own = weights.get(HEAD)!;
const headOf = (values: Float32Array, { dtype = "F32", name = HEAD }: { dtype?: "F32" | "BF16"; name?: string } = {}) =>
  new Map([
    [HEAD_CONFIG, new Uint8Array(2)],
    [HEAD_WEIGHTS, writeSafetensors(new Map([[name, { dtype, shape: own.shape, bytes: fromF32(values, dtype) }]]), {})],
  ]);

describe("requireOwnHead", () => {
  it("accepts the base's head in any precision, and no head", async () => {
    await requireOwnHead(new Map(), base);
    await requireOwnHead(headOf(own.data), base);
    await requireOwnHead(headOf(own.data, { dtype: "BF16" }), base);
  });

  it.each([
    ["a trained head", headOf(own.data.map((value, at) => (at === 7 ? value + 0.5 : value)))],
    ["a head of another kind", headOf(own.data, { name: "heads.task.0.weight" })],
  ])("refuses %s", async (_name, files) => {
    await expect(requireOwnHead(files, base)).rejects.toThrow(
      expect.objectContaining({
        code: "invalid_delta",
        message: expect.stringContaining("model_head.safetensors differs from the base's head"),
      }),
    );
  });
});
