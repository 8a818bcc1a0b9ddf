import { describe, expect, it } from "vitest";
import { canonicalRewrite } from "../../../../shared/delta/canonical-rewrite.ts";
import { MANIFEST_FILE, parseManifest } from "../../../../shared/delta/manifest.ts";
import { decodeCanonical, SERVING_FILE } from "../../../../shared/delta/serving-file.ts";
import type { SteeringFacts } from "../../../../shared/delta/steering.ts";
import { sumDeltas } from "../../../../shared/delta/sum.ts";
import { GraphBuilder } from "../../../../shared/graph/builder.ts";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import { trainingForward } from "../../../../shared/model/training-forward.ts";
import { readAdapterParts } from "../../../../shared/package/adapter-parts.ts";
import { ADAPTER_FORMATS } from "../../../../shared/peft/registry.ts";
import { i64, tensor } from "../../../../shared/tensor.ts";
import { takenBy } from "../../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { publishVectors, vectorDelta } from "../../../../trainer/recipes/steering-vector/publish-vectors.ts";
import { goldenBase, largestDifference } from "../../golden-llama.ts";
import { tinyModel } from "../../tiny-model.ts";
import { STEERING_GOLDEN } from "./golden.ts";

const steering: SteeringFacts = {
  ...{ method: "pca", position: "last", normalise: "none" },
  layers: [{ layer: 1, norm: 1, relative_norm: 0.5 }],
};
const dataset = { name: "pairs", digest: "d".repeat(64), bytes: new Uint8Array() };
const files = tinyModel();

function published() {
  const vector = Float64Array.from({ length: 32 }, (_, at) => at / 32 - 0.3);
  return publishVectors({
    job: {
      base: { id: "tiny", digest: "b".repeat(64), files },
      training: dataset,
      validation: null,
      createdAt: 1_700_000_000,
      parent: { kind: "delta", digest: "e".repeat(64), files: new Map() },
    },
    model: loadModelFolder(files),
    vectors: new Map([[1, vector]]),
    steering,
    metrics: { pairs: 4 },
  });
}

describe("vectorDelta", () => {
  it("gives the logits of a hook that adds the vector to a layer's output, at every strength, to 1e-5", async () => {
    const runtime = createOnnxRuntimeExecutor({ threads: 1 });
    const { config, weights } = goldenBase();
    const { ids, steered, vectors } = STEERING_GOLDEN;
    const length = ids.length;
    for (const { layer, strength, logits } of steered) {
      const entry = vectors.find((one) => one.layer === layer && one.position === "last")!;
      const delta = vectorDelta(new Map([[layer, Float64Array.from(entry.mean_difference.data)]]));
      const served = sumDeltas([{ delta, weight: strength }]);
      const b = new GraphBuilder("steered");
      const forward = trainingForward(
        b,
        config,
        { rows: 1, tokens: length },
        {
          rewrite: (positions) => canonicalRewrite(b, config, served, positions),
        },
      );
      const graph = b.build({ logits: forward.logits });
      const program = await runtime.compile(graph, { bindings: takenBy(graph, weights) });
      const shape = [1, length];
      const { logits: got } = await program.run({
        tokens: i64(shape, ids),
        positions: i64(
          shape,
          ids.map((_, at) => at),
        ),
        segments: tensor("i32", shape, new Int32Array(length).fill(1)),
      });
      await program.dispose();
      expect(largestDifference(logits.data, got!.data as Float32Array)).toBeLessThan(1e-5);
    }
    expect(steered.length).toBe(6);
  });
});

describe("publishVectors", () => {
  it("writes a bias on the layer's last linear layer, with the facts in the manifest", async () => {
    const folder = await published();
    expect(folder.kind).toBe("delta");
    const { config } = loadModelFolder(files);
    const { linears } = decodeCanonical(folder.files.get(SERVING_FILE)!, config);
    expect([...linears.keys()]).toEqual(["layers.1.mlp.down_proj"]);
    const bias = linears.get("layers.1.mlp.down_proj")!.bias!;
    expect([bias.shape, bias.data[0]]).toEqual([[32], Math.fround(-0.3)]);
    expect(parseManifest(folder.files.get(MANIFEST_FILE)!)).toMatchObject({
      base_model: "tiny",
      base_digest: "b".repeat(64),
      methods: ["steering_vector"],
      data_digests: ["d".repeat(64)],
      parents: ["e".repeat(64)],
      metrics: { pairs: 4 },
      trainable_parameters: 32,
      created_at: 1_700_000_000,
      steering,
    });
  });

  it("gives equal bytes for equal vectors, and a folder that can be uploaded again", async () => {
    const [first, second] = [await published(), await published()];
    expect(second.files).toEqual(first.files);
    const { config, weights } = loadModelFolder(files);
    const manifest = parseManifest(first.files.get(MANIFEST_FILE)!);
    const read = await readAdapterParts(
      first.files,
      {
        ...{ config, digest: manifest.base_digest, tokenizerDigest: manifest.tokenizer_digest },
        weight: async (name) => weights.get(name)!,
      },
      ADAPTER_FORMATS,
    );
    expect(read.manifest?.steering).toEqual(steering);
    const bias = read.adapters[0]!.delta.linears.get("layers.1.mlp.down_proj")!.bias!;
    const stored = decodeCanonical(first.files.get(SERVING_FILE)!, config).linears.get("layers.1.mlp.down_proj")!;
    expect(bias.data).toEqual(stored.bias!.data);
  });
});
