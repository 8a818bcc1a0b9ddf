import { describe, expect, it } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import {
  fromF32,
  parseSafetensors,
  type SafetensorsTensor,
  writeSafetensors,
} from "../../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { EMBEDDING, FINAL_NORM, HEAD } from "../../../shared/model/modules.ts";
import {
  loadWeights,
  type ModelFiles,
  openWeights,
  readWeights,
  transposed,
  weightFromFile,
  weightsForFile,
} from "../../../shared/model/weights.ts";
import { f32 } from "../../../shared/tensor.ts";
import { goldenJson } from "./golden-models.ts";

const config = parseModelConfig(goldenJson("llama/plain/config.json"));
const tied = { ...config, tied: true };
const weights = initialWeights(config, 3);
const Q = "model.layers.0.self_attn.q_proj.weight";

const stored = (shape: readonly number[], values: readonly number[]): SafetensorsTensor => ({
  dtype: "F32",
  shape,
  bytes: fromF32(Float32Array.from(values), "F32"),
});

/** The tensors of a whole model as stored in its file, with `changes` applied; null removes a tensor. */
function tensors(changes: Readonly<Record<string, SafetensorsTensor | null>> = {}): Map<string, SafetensorsTensor> {
  const all = new Map<string, SafetensorsTensor | null>(
    [...weightsForFile(config, weights)].map(([name, { shape, data }]) => [name, stored(shape, Array.from(data))]),
  );
  for (const [name, change] of Object.entries(changes)) all.set(name, change);
  return new Map([...all].flatMap(([name, tensor]) => (tensor === null ? [] : [[name, tensor]])));
}

function folder(files: Readonly<Record<string, ReadonlyMap<string, SafetensorsTensor>>>): ModelFiles {
  return { names: Object.keys(files), bytes: async (name) => writeSafetensors(files[name]!) };
}

describe("transposed", () => {
  it("swaps rows and columns in a copy", () => {
    const matrix = f32([2, 3], [1, 2, 3, 4, 5, 6]);
    expect(transposed(matrix)).toEqual(f32([3, 2], [1, 4, 2, 5, 3, 6]));
    expect(matrix).toEqual(f32([2, 3], [1, 2, 3, 4, 5, 6]));
  });
});

describe("weightFromFile", () => {
  const spec = { name: Q, shape: [3, 2], transposed: true };

  it("returns a linear weight as [in, out], widened from half precision", () => {
    expect(weightFromFile(spec, stored([2, 3], [1, 2, 3, 4, 5, 6]))).toEqual(f32([3, 2], [1, 4, 2, 5, 3, 6]));
    const bytes = fromF32(Float32Array.of(1, 2, 3, 4, 5, -6.5), "BF16");
    expect(weightFromFile(spec, { dtype: "BF16", shape: [2, 3], bytes })).toEqual(f32([3, 2], [1, 4, 2, 5, 3, -6.5]));
  });

  it("names a tensor of the wrong shape or dtype", () => {
    expect(() => weightFromFile(spec, stored([3, 2], [1, 2, 3, 4, 5, 6]))).toThrow(
      expect.objectContaining({
        code: "invalid_model",
        message: `${Q} has shape [3, 2] in the weight file, but config.json requires [2, 3]`,
      }),
    );
    expect(() => weightFromFile(spec, { dtype: "I64", shape: [2, 3], bytes: new Uint8Array(48) })).toThrow(
      expect.objectContaining({
        code: "invalid_model",
        message: `${Q}: a I64 tensor cannot be read as float32; use F32, F16 or BF16`,
      }),
    );
  });
});

describe("loadWeights", () => {
  it("is the inverse of weightsForFile", () => {
    const loaded = loadWeights(config, tensors());
    expect([...loaded.keys()].sort()).toEqual([...weights.keys()].sort());
    for (const [name, weight] of weights) expect(loaded.get(name)).toEqual(weight);
  });

  it("names a tensor that is missing, unknown or of the wrong shape", () => {
    const refuses = (changes: Record<string, SafetensorsTensor | null>, message: string) =>
      expect(() => loadWeights(config, tensors(changes))).toThrow(
        expect.objectContaining({ code: "invalid_model", message }),
      );
    refuses({ [Q]: null }, `the weight files lack ${Q}`);
    refuses({ [HEAD]: null }, `the weight files lack ${HEAD}; set tie_word_embeddings if the head is ${EMBEDDING}`);
    const extra = "model.layers.2.mlp.up_proj.weight";
    refuses({ [extra]: stored([1], [1]) }, `the weight files contain ${extra}, which this kind of model does not have`);
    refuses(
      { [FINAL_NORM]: stored([2], [1, 2]) },
      `${FINAL_NORM} has shape [2] in the weight file, but config.json requires [32]`,
    );
  });

  it("ignores a tied model's redundant head and any model's rotary buffers", () => {
    const buffers = { "model.layers.0.self_attn.rotary_emb.inv_freq": stored([4], [1, 2, 3, 4]) };
    const loaded = loadWeights(tied, tensors(buffers));
    expect([...loaded.keys()].sort()).toEqual([...weights.keys()].filter((name) => name !== HEAD).sort());
  });
});

describe("openWeights", () => {
  /** A file of the model's tensors that records what is read from it. */
  function watched(changes: Parameters<typeof tensors>[0] = {}) {
    const bytes = writeSafetensors(tensors(changes));
    const reads: number[] = [];
    const file = {
      byteLength: bytes.byteLength,
      subarray: (start: number, end: number) => {
        reads.push(end - start);
        return bytes.slice(start, end);
      },
    };
    return { parsed: parseSafetensors(file).tensors, reads };
  }

  it("reads a weight on access, and not again while it is in use", () => {
    const { parsed, reads } = watched();
    reads.length = 0;
    const opened = openWeights(config, parsed);
    expect([...opened.keys()].sort()).toEqual([...weights.keys()].sort());
    expect([opened.size, opened.has(Q), opened.has("other"), opened.get("other")]).toEqual([
      weights.size,
      true,
      false,
      undefined,
    ]);
    expect(reads).toEqual([]);
    const q = opened.get(Q)!;
    expect(reads).toEqual([4 * q.data.length]);
    expect(opened.get(Q)).toBe(q);
    expect(reads).toHaveLength(1);
  });

  it("holds the same weights as loadWeights, and the tensors as stored in the file", () => {
    const { parsed } = watched();
    const opened = openWeights(config, parsed);
    expect(new Map(opened)).toEqual(new Map(loadWeights(config, parsed)));
    expect([...opened.values()]).toEqual([...opened].map(([, weight]) => weight));
    const names: string[] = [];
    opened.forEach((weight, name) => {
      expect(weight).toEqual(weights.get(name));
      names.push(name);
    });
    expect(names).toEqual([...opened.keys()]);
    expect(opened.fileTensor!(Q)).toMatchObject({ dtype: "F32", shape: weights.get(Q)!.shape.toReversed() });
  });

  it("immediately rejects what loadWeights rejects", () => {
    for (const changes of [{ [Q]: null }, { [Q]: stored([1], [1]) }, { other: stored([1], [1]) }]) {
      const { parsed } = watched(changes);
      expect(() => openWeights(config, parsed)).toThrow(TrimtabError);
    }
    const { parsed } = watched({ [FINAL_NORM]: { dtype: "I64", shape: [32], bytes: new Uint8Array(256) } });
    expect(() => openWeights(config, parsed)).toThrow(`${FINAL_NORM}: a I64 tensor cannot be read as float32`);
  });

  it("reads a large weight in parts, and transposes across their boundaries", () => {
    const [rows, columns] = [600, 900];
    const bytes = fromF32(
      Float32Array.from({ length: rows * columns }, (_, i) => i % 251),
      "BF16",
    );
    const reads: number[] = [];
    const file = writeSafetensors(new Map([["w", { dtype: "BF16", shape: [rows, columns], bytes }]]));
    const source = {
      byteLength: file.byteLength,
      subarray: (start: number, end: number) => {
        reads.push(end - start);
        return file.subarray(start, end);
      },
    };
    const tensor = parseSafetensors(source).tensors.get("w")!;
    reads.length = 0;
    const weight = weightFromFile({ name: "w", shape: [columns, rows], transposed: true }, tensor);
    expect(Math.max(...reads)).toBeLessThanOrEqual(1 << 19);
    expect(reads.reduce((sum, length) => sum + length, 0)).toBe(bytes.byteLength);
    const wrong = weight.data.findIndex((value, i) => value !== ((i % rows) * columns + Math.floor(i / rows)) % 251);
    expect(wrong).toBe(-1);
  });
});

describe("readWeights", () => {
  const all = [...tensors()];

  it("joins the shards of a folder and ignores other files", async () => {
    const files = folder({
      "model-00001-of-00002.safetensors": new Map(all.slice(0, 9)),
      "model-00002-of-00002.safetensors": new Map(all.slice(9)),
    });
    const loaded = await readWeights(config, { ...files, names: [...files.names, "config.json"] });
    for (const [name, weight] of weights) expect(loaded.get(name)).toEqual(weight);
  });

  it("names the shard that repeats a tensor", async () => {
    const files = folder({ "a.safetensors": new Map(all), "b.safetensors": new Map(all.slice(0, 1)) });
    await expect(readWeights(config, files)).rejects.toMatchObject({
      code: "invalid_model",
      message: `b.safetensors contains ${all[0]![0]}, which is also in another shard`,
    });
  });

  it("names the file and tensor of a value that is not finite, and a truncated file", async () => {
    const bad = tensors({ [FINAL_NORM]: stored([32], [...new Array(31).fill(1), Number.NaN]) });
    const broken = readWeights(config, folder({ "model.safetensors": bad }));
    await expect(broken).rejects.toMatchObject({
      code: "invalid_model",
      message: expect.stringMatching(/^model\.safetensors .*"model\.norm\.weight" whose element 31 is not finite/),
    });
    const whole = folder({ "model.safetensors": new Map(all) });
    const cut = { ...whole, bytes: async (name: string) => (await whole.bytes(name)).slice(0, -4) };
    await expect(readWeights(config, cut)).rejects.toMatchObject({
      code: "invalid_model",
      message: expect.stringMatching(/^model\.safetensors /),
    });
  });
});
