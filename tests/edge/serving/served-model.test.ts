import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { StoredFolder } from "../../../edge/blobs/stored-folder.ts";
import { planMemory, spareBytes, weightBytes } from "../../../edge/runtime/memory-plan.ts";
import { servingDelta } from "../../../edge/runtime/serving-delta.ts";
import type { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { ServedModel } from "../../../edge/serving/served-model.ts";
import { type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { fromF32, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { FINAL_NORM, HEAD } from "../../../shared/model/modules.ts";
import { f32 } from "../../../shared/tensor.ts";
import { PARTS, randomDelta } from "../runtime/tiny-model.ts";
import { goldenBase, goldenTensors } from "../support/golden-base.ts";
import { storeFolder } from "../support/stored-folder.ts";
import { type Folder, json } from "../support/tiny-base.ts";

const MIB = 1024 * 1024;
const Q = "layers.0.self_attn.q_proj";

/** R2, with the names of what was read from it. */
function watched() {
  const reads: string[] = [];
  const get = (key: string) => {
    reads.push(key.split("/").at(-1)!);
    return env.BLOBS.get(key);
  };
  return { blobs: { get } as unknown as R2Bucket, reads };
}

function load(folder: StoredFolder, blobs: R2Bucket = env.BLOBS, heapLimitBytes = 64 * MIB) {
  return ServedModel.load(blobs, folder, { heapLimitBytes });
}

/** A full fine-tune of the golden base: its last norm is `mark` everywhere. */
async function fineTune(mark: number, tenant = "acme"): Promise<StoredFolder & { tenant: string }> {
  const tensors = goldenTensors();
  tensors.get(FINAL_NORM)!.values.fill(mark);
  const file = writeSafetensors(
    new Map([...tensors].map(([name, { tensor, values }]) => [name, { ...tensor, bytes: fromF32(values, "F32") }])),
  );
  return { ...(await storeFolder(new Map([["model.safetensors", file]]))), tenant };
}

/** One set of weights. */
async function weightsOf(model: ServedModel, folder: (StoredFolder & { tenant: string }) | null) {
  const { values, release } = await model.weights([folder]);
  return { set: values[0]!, release };
}

/** Every value of the last norm. */
const marksOf = ({ tensors }: WeightSet) => new Set(tensors[FINAL_NORM]!.view() as Float32Array);

async function storeDelta(delta: CanonicalDelta): Promise<StoredFolder> {
  return storeFolder(new Map([["serving.safetensors", encodeCanonical(delta)]]));
}

let base: StoredFolder;
beforeAll(async () => {
  base = await storeFolder(goldenBase());
});

/** V8 compiles the runtime's hot functions anew while these run, which takes a busy machine half a minute. */
const SLOW = { timeout: 120_000 };

describe("ServedModel.load", SLOW, () => {
  it("loads a Hugging Face folder out of R2", async () => {
    const model = await load(base);
    expect(model.config).toMatchObject({ modelType: "llama", layers: 2, vocabSize: 96 });
    expect(model.capacity).toBe(64);
    expect(model.busy).toBe(false);
    expect(model.heapBytes).toBeGreaterThan(16 * MIB - 1);
    expect(model.template().encodePrompt([{ role: "user", content: "x" }])).toContain(model.tokenizer.eosId);
    const { set } = await weightsOf(model, null);
    expect(set.tensors[FINAL_NORM]!.view()).toEqual(goldenTensors().get(FINAL_NORM)!.values);
  });

  it("ends at the end-of-text and padding tokens, and at those of generation_config.json", async () => {
    expect([...(await load(base)).endTokens].sort()).toEqual([0, 2]);
    const endsOf = async (eos: unknown) => {
      const folder = goldenBase().set("generation_config.json", json({ eos_token_id: eos }));
      return [...(await load(await storeFolder(folder))).endTokens].sort((a, b) => a - b);
    };
    expect(await endsOf(7)).toEqual([0, 2, 7]);
    expect(await endsOf([2, 30])).toEqual([0, 2, 30]);
  });

  it("has the defaults of generation_config.json, and names that file if it is broken", async () => {
    const withDefaults = (text: string) =>
      storeFolder(goldenBase().set("generation_config.json", new TextEncoder().encode(text)));
    const { defaults } = await load(await withDefaults('{"do_sample": false, "top_p": 0.9, "max_new_tokens": 5}'));
    expect(defaults).toMatchObject({ sampling: { temperature: 0, topP: 0.9 }, maxNewTokens: 5 });
    for (const text of ["{", "[]", '{"top_p": "high"}']) {
      await expect(load(await withDefaults(text))).rejects.toMatchObject({
        code: "invalid_model",
        message: expect.stringMatching(/^generation_config\.json/),
      });
    }
  });

  it("keeps a head that differs from the embedding, though config.json ties them", async () => {
    const folder = goldenBase();
    const config = JSON.parse(new TextDecoder().decode(folder.get("config.json")));
    folder.set("config.json", json({ ...config, tie_word_embeddings: true }));
    const model = await load(await storeFolder(folder));
    expect(model.config.tied).toBe(false);
    const { set } = await weightsOf(model, null);
    expect(set.tensors[HEAD]!.view()).toEqual(goldenTensors().get(HEAD)!.values);
  });

  it("serves a model without a chat template, for plain completions", async () => {
    const folder = goldenBase();
    folder.delete("chat_template.jinja");
    const model = await load(await storeFolder(folder));
    expect(() => model.template()).toThrow(expect.objectContaining({ code: "invalid_model" }));
  });

  it.each(["config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"])(
    "refuses a folder whose %s changed in the store",
    async (name) => {
      const folder = await storeFolder(goldenBase().set("README.md", new TextEncoder().encode(name)));
      const bytes = goldenBase().get(name)!.slice();
      bytes[bytes.length - 2]! ^= 1;
      await env.BLOBS.put(folder.prefix + name, bytes);
      await expect(load(folder)).rejects.toMatchObject({
        code: "corrupt_blob",
        message: `the stored file ${name} of ${folder.digest} does not have its digest`,
      });
    },
  );

  it("refuses weights that are not the configuration's, and a model that the heap does not hold", async () => {
    const config = JSON.parse(new TextDecoder().decode(goldenBase().get("config.json"))) as object;
    const folder = (changes: object): Folder => goldenBase().set("config.json", json({ ...config, ...changes }));
    await expect(load(await storeFolder(folder({ intermediate_size: 65 })))).rejects.toMatchObject({
      code: "invalid_model",
      message:
        "model.layers.0.mlp.gate_proj.weight has shape [64, 32] in the weight file, but config.json requires [65, 32]",
    });
    await expect(load(base, env.BLOBS, 18 * MIB)).rejects.toMatchObject({ code: "capacity_exceeded" });
  });
});

describe("ServedModel.weights", SLOW, () => {
  it("loads a full fine-tune once, and keeps it until another one needs the room", async () => {
    const { blobs, reads } = watched();
    const model = await load(base, blobs);
    const [first, second] = [await fineTune(2), await fineTune(3)];
    reads.length = 0;
    const [a, b] = await Promise.all([weightsOf(model, first), weightsOf(model, first)]);
    expect(a.set).toBe(b.set);
    expect(marksOf(a.set)).toEqual(new Set([2]));
    a.release();
    b.release();
    (await weightsOf(model, first)).release();
    expect(reads).toEqual(["model.safetensors"]);
    const other = await weightsOf(model, second);
    expect(marksOf(other.set)).toEqual(new Set([3]));
    expect(() => a.set.tensors[FINAL_NORM]!.view()).toThrow("was used after disposal");
    expect(marksOf((await weightsOf(model, first)).set)).toEqual(new Set([2]));
    expect(reads).toHaveLength(3);
  });

  it("throws out no set that somebody uses", async () => {
    const model = await load(base);
    const used = await weightsOf(model, await fineTune(2));
    const other = await weightsOf(model, await fineTune(3));
    expect(used.set.tensors[FINAL_NORM]!.view()[0]).toBe(2);
    expect(other.set.tensors[FINAL_NORM]!.view()[0]).toBe(3);
  });

  it("throws out no set that somebody was about to use when another one came", async () => {
    const model = await load(base);
    const idle = await fineTune(2);
    for (let ticks = 0; ticks < 12; ticks++) {
      const other = await fineTune(10 + ticks);
      (await weightsOf(model, idle)).release();
      // The other one is held at its digest, and let go a few turns before the idle one is asked for.
      const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const digest = crypto.subtle.digest.bind(crypto.subtle);
      vi.spyOn(crypto.subtle, "digest").mockImplementation(async (...args) => {
        const hash = await digest(...args);
        reached.resolve();
        await held.promise;
        return hash;
      });
      const loading = weightsOf(model, other);
      await reached.promise;
      vi.restoreAllMocks();
      held.resolve();
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      const { set, release } = await weightsOf(model, idle);
      expect(set.tensors[FINAL_NORM]!.view()[0]).toBe(2);
      release();
      (await loading).release();
    }
  });

  it("waits where the heap has room for one, tenants in turn, and never for what a request holds itself", async () => {
    const roomy = await load(base);
    const { config } = roomy;
    const spare = spareBytes(config, 64 * MIB, planMemory(config, 64 * MIB));
    const heapLimitBytes = Math.ceil(64 * MIB - spare + 1.5 * weightBytes(config));
    const model = await load(base, env.BLOBS, heapLimitBytes);
    const [mine, theirs] = [await fineTune(2, "acme"), await fineTune(3, "other")];
    const first = await weightsOf(model, mine);
    const order: string[] = [];
    const second = weightsOf(model, theirs).then((loaded) => {
      order.push("other");
      return loaded;
    });
    // What others use goes on, and the base never waits.
    for (let n = 0; n < 4; n++) (await weightsOf(model, mine)).release();
    expect((await weightsOf(model, null)).set.tensors[FINAL_NORM]).toBeDefined();
    expect(order).toEqual([]);
    first.release();
    const loaded = await second;
    expect(marksOf(loaded.set)).toEqual(new Set([3]));
    const again = weightsOf(model, mine);
    loaded.release();
    expect(marksOf((await again).set)).toEqual(new Set([2]));
    (await again).release();
    await expect(model.weights([mine, null, await fineTune(4, "acme")])).rejects.toMatchObject({
      code: "capacity_exceeded",
      message: expect.stringContaining("full fine-tunes take"),
    });
  });

  it("lets nobody who comes again and again keep another out", async () => {
    const roomy = await load(base);
    const { config } = roomy;
    const spare = spareBytes(config, 64 * MIB, planMemory(config, 64 * MIB));
    const model = await load(base, env.BLOBS, Math.ceil(64 * MIB - spare + 1.5 * weightBytes(config)));
    const [mine, theirs] = [await fineTune(2, "acme"), await fineTune(3, "other")];
    let held = await weightsOf(model, mine);
    let isIn = false;
    const other = weightsOf(model, theirs).then(({ release }) => {
      isIn = true;
      release();
    });
    // Each comes before the last has gone.
    let rounds = 0;
    for (; !isIn && rounds < 100; rounds++) {
      const next = weightsOf(model, mine);
      await Promise.resolve();
      held.release();
      held = await next;
    }
    await other;
    expect(rounds).toBeLessThan(20);
    held.release();
  });

  it("keeps the fine-tunes of two tenants apart, however equal", async () => {
    const { blobs, reads } = watched();
    const model = await load(base, blobs);
    const [mine, theirs] = [await fineTune(2, "acme"), await fineTune(2, "other")];
    expect(mine.digest).toBe(theirs.digest);
    reads.length = 0;
    const sets = [await weightsOf(model, mine), await weightsOf(model, theirs)];
    expect(sets[0]!.set).not.toBe(sets[1]!.set);
    expect(reads).toHaveLength(2);
  });

  it("tries again after a set that could not be loaded", async () => {
    const model = await load(base);
    const folder = await fineTune(5);
    const whole = await env.BLOBS.get(`${folder.prefix}model.safetensors`);
    const bytes = await whole!.arrayBuffer();
    await env.BLOBS.put(`${folder.prefix}model.safetensors`, bytes.slice(0, -1));
    await expect(weightsOf(model, folder)).rejects.toMatchObject({ code: "corrupt_blob" });
    await env.BLOBS.put(`${folder.prefix}model.safetensors`, bytes);
    expect((await weightsOf(model, folder)).set.tensors[FINAL_NORM]!.view()[0]).toBe(5);
  });
});

describe("ServedModel.delta", SLOW, () => {
  const factors = (rank: number, out: number) => ({
    a: f32(
      [32, rank],
      Float32Array.from({ length: 32 * rank }, (_, i) => i),
    ),
    b: f32(
      [rank, out],
      Float32Array.from({ length: rank * out }, (_, i) => -i),
    ),
  });
  const onQ = (rank: number, out = 32): CanonicalDelta => ({
    ...NO_DELTA,
    linears: new Map([[Q, factors(rank, out)]]),
  });

  it("reads the serving form of a delta, whatever it is made of", async () => {
    const model = await load(base);
    const whole = randomDelta("whole", PARTS, { config: model.config });
    const folder = await storeDelta(whole);
    const { values, release } = await model.deltas("acme", [folder]);
    expect(values).toEqual([servingDelta(`acme/${folder.digest}`, whole)]);
    expect(values).toMatchObject([{ columns: { factors: 4, bottlenecks: 5 }, hasVectors: true }]);
    expect(values[0]!.nonColumnParts.prefix).toHaveLength(2);
    release();
  });

  it("reads a delta once for each tenant", async () => {
    const { blobs, reads } = watched();
    const model = await load(base, blobs);
    const folder = await storeDelta(onQ(1));
    reads.length = 0;
    const first = await model.deltas("acme", [folder]);
    const again = await model.deltas("acme", [folder]);
    expect(again.values[0]).toBe(first.values[0]);
    expect((await model.deltas("other", [folder])).values[0]!.key).toBe(`other/${folder.digest}`);
    expect(reads).toEqual(["serving.safetensors", "serving.safetensors"]);
  });

  it("refuses a delta that changed or does not fit", async () => {
    const model = await load(base);
    const folder = await storeDelta(onQ(4));
    await env.BLOBS.put(`${folder.prefix}serving.safetensors`, "other");
    await expect(model.deltas("acme", [folder])).rejects.toMatchObject({ code: "corrupt_blob" });
    await expect(model.deltas("acme", [await storeDelta(onQ(1, 33))])).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining(`${Q}.B`),
    });
  });

  it("holds no more of them than a sixth of the heap, and lets the others wait", async () => {
    const model = await load(base, env.BLOBS, 24 * MIB);
    // Some 3 MB of the 4.2 each.
    const [one, other] = [await storeDelta(onQ(11_700)), await storeDelta(onQ(11_701))];
    const first = await model.deltas("acme", [one]);
    let second: Awaited<ReturnType<ServedModel["deltas"]>> | undefined;
    const waiting = model.deltas("acme", [other]).then((taken) => {
      second = taken;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(second).toBeUndefined();
    first.release();
    await waiting;
    expect(second!.values).toHaveLength(1);
    await expect(model.deltas("acme", [one, other])).rejects.toMatchObject({
      code: "invalid_request",
      param: "deltas",
      message: expect.stringContaining("take 6.0 MB together, but this model serves at most 4.2 MB"),
    });
  });
});
