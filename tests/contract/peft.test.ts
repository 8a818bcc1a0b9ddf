import { describe, expect, it, vi } from "vitest";
import { checkFileList } from "../../shared/api/artefacts.ts";
import type { PeftSettings } from "../../shared/api/methods.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/canonical.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { weightName } from "../../shared/model/modules.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { createRandom } from "../../shared/random.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import type { AttachedMethod, ResultFolder } from "../../shared/peft/method.ts";
import { PEFT_METHODS, peftMethod } from "../../shared/peft/registry.ts";
import { evaluationGraph, frozenTensors, trainingGraph } from "../../trainer/recipes/causal-graphs.ts";
import { tinyModel } from "../trainer/tiny-model.ts";

vi.setConfig({ testTimeout: 120_000 });

/** What every method has to hold; a new row of the registry needs a row here, and has to pass as it stands. */
const SETTINGS: { readonly [T in PeftSettings["type"]]: Extract<PeftSettings, { type: T }> } = {
  lora: { type: "lora", r: 3, lora_alpha: 5, lora_dropout: 0.1, target_modules: ["q_proj", "v_proj", "down_proj"] },
  full: { type: "full" },
};

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const files = tinyModel();
const { config, weights } = loadModelFolder(files);
const shape = { rows: 2, tokens: 8 };
const ids = Array.from({ length: 16 }, (_, index) => BigInt((index * 37) % config.vocabSize));
const feeds = {
  tokens: { dtype: "i64", shape: [2, 8], data: BigInt64Array.from(ids) },
  positions: { dtype: "i64", shape: [2, 8], data: BigInt64Array.from(ids, (_, index) => BigInt(index % 8)) },
  segments: { dtype: "i32", shape: [2, 8], data: new Int32Array(16) },
  targets: { dtype: "i64", shape: [2, 8], data: BigInt64Array.from(ids.toReversed()) },
  weights: f32([2, 8], new Float32Array(16).fill(1)),
  total: f32([], [16]),
} satisfies Record<string, Tensor>;

/** The loss of one batch, by the method's own graph or, without one, by the weights alone. */
async function loss(
  method: AttachedMethod,
  values: ReadonlyMap<string, Tensor>,
  of: Weights = weights,
): Promise<number> {
  const program = await executor.compile(evaluationGraph({ config, method, shape }), {
    bindings: frozenTensors(of, method),
  });
  const result = await program.run({ ...feeds, ...Object.fromEntries(values) });
  await program.dispose();
  return Number(result.loss!.data[0]);
}

const bare: AttachedMethod = { parameters: [], initial: new Map(), randomInputs: () => [] };

/** Values as training might leave them: every element moved. */
function moved(initial: ReadonlyMap<string, Tensor<"f32">>): Map<string, Tensor<"f32">> {
  return new Map(
    [...initial].map(([name, { shape, data }]) => {
      const random = createRandom(3, name);
      return [
        name,
        f32(
          shape,
          data.map((value) => value + 0.2 * random.normal()),
        ),
      ];
    }),
  );
}

/** The base's weights as whoever loads the result has them: W + AB for a delta, the folder's own for a model. */
function merged({ kind, files: published }: ResultFolder): Weights {
  if (kind === "model") return loadModelFolder(published).weights;
  const result = new Map(weights);
  for (const [path, { a, b, scale, bias }] of decodeCanonical(published.get(SERVING_FILE)!, config)) {
    expect([scale, bias]).toEqual([undefined, undefined]);
    const { shape: size, data } = weights.get(weightName(path))!;
    const [rank, out] = b!.shape as [number, number];
    const sum = data.map((value, at) => {
      const [row, column] = [Math.floor(at / out), at % out];
      let product = 0;
      for (let k = 0; k < rank; k++) product += a!.data[row * rank + k]! * b!.data[k * out + column]!;
      return value + product;
    });
    result.set(weightName(path), f32(size, sum));
  }
  return result;
}

async function listed({ kind, files: published }: ResultFolder) {
  const list = [...published].map(async ([name, bytes]) => {
    return { name, bytes: bytes.byteLength, sha256: await sha256Hex(bytes) };
  });
  return { kind, files: await Promise.all(list) };
}

describe.each(Object.values(SETTINGS))("$type", (settings) => {
  const method = peftMethod(settings).attach({ config, weights, settings, seed: 1 });
  const publish = (values: ReadonlyMap<string, Tensor>) =>
    peftMethod(settings).publish({
      config,
      settings,
      values,
      base: { id: "tiny", digest: "b".repeat(64), files },
      dataDigests: ["d".repeat(64)],
      metrics: { base_loss: 2, tuned_loss: 1 },
      createdAt: 1_700_000_000,
    });

  it("has one first value of the right shape for each parameter, and no other", () => {
    const named = method.parameters.map(({ name, shape }) => [name, shape]);
    expect([...method.initial].map(([name, { shape }]) => [name, shape])).toEqual(named);
    expect(new Set(named.map(([name]) => name)).size).toBe(named.length);
  });

  it("attaches the same way every time, and otherwise for another seed where it draws at all", () => {
    const attach = (seed: number) => peftMethod(settings).attach({ config, weights, settings, seed }).initial;
    expect(attach(1)).toEqual(method.initial);
    if (settings.type !== "full") expect(attach(2)).not.toEqual(method.initial);
  });

  it("is the base at step 0", async () => {
    expect(await loss(method, method.initial)).toBe(await loss(bare, new Map()));
  });

  it("asks the training graph for its masks and no others", () => {
    const known = new Set(["tokens", "positions", "segments", "targets", "weights", "total", ...weights.keys()]);
    for (const { name } of method.parameters) known.add(name).add(`${name}#grad`);
    const { inputs } = trainingGraph({ config, method, shape });
    const open = inputs.filter(({ name }) => !known.has(name));
    expect(open.map(({ name, value }) => [name, value.dtype, value.shape])).toEqual(
      method.randomInputs(shape).map((mask) => [mask.name, "u8", mask.shape]),
    );
  });

  it("publishes what it trained: merged is what its own graph computes", async () => {
    const values = moved(method.initial);
    const trained = await loss(method, values);
    expect(Math.abs(trained - (await loss(bare, new Map())))).toBeGreaterThan(1e-3);
    expect(await loss(bare, new Map(), merged(await publish(values)))).toBeCloseTo(trained, 5);
  });

  it("publishes only files that may be stored, the same bytes every time", async () => {
    const values = moved(method.initial);
    const [one, two] = await Promise.all(
      [publish(values), publish(values)].map(async (folder) => listed(await folder)),
    );
    expect(one).toEqual(two);
    checkFileList(one!.kind, one!.files, "files");
  });
});

it("has every method that a job can name", () => {
  expect(Object.keys(SETTINGS).sort()).toEqual(Object.keys(PEFT_METHODS).sort());
});
