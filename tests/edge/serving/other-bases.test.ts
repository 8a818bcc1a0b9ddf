import { describe, expect, it } from "vitest";
import { servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { acquireOnAllBases } from "../../../edge/serving/other-bases.ts";
import type { ResolvedDelta, ResolvedModel } from "../../../edge/serving/protocol.ts";
import type { ServedModel } from "../../../edge/serving/served-model.ts";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { TrimtabError } from "../../../shared/errors.ts";

const base = (id: string, tokenizer = "t"): ResolvedModel["base"] => ({
  id,
  digest: id,
  prefix: `${id}/`,
  files: [
    { name: "config.json", bytes: 1, sha256: id },
    { name: "tokenizer.json", bytes: 1, sha256: tokenizer },
  ],
});
const model = (of: ResolvedModel["base"], ...deltas: ResolvedDelta[]): ResolvedModel => ({
  base: of,
  weights: null,
  deltas,
});
const delta = (digest: string): ResolvedDelta => ({ digest, prefix: `${digest}/`, files: [], weight: 1 });

/** A base in memory that says what is held of it and what was read. */
function stub(vocabSize = 96, fails?: TrimtabError) {
  const held = { itself: 0, deltas: 0, weights: 0 };
  const read: string[][] = [];
  const hold = (what: keyof typeof held) => {
    held[what]++;
    return () => void held[what]--;
  };
  const served = {
    config: { vocabSize },
    loop: { largestRank: 8 },
    hold: () => hold("itself"),
    async deltas(_: string, folders: readonly ResolvedDelta[]) {
      if (fails !== undefined) throw fails;
      read.push(folders.map(({ digest }) => digest));
      const values = folders.map(({ digest }) => ({
        ...servingDelta(digest, NO_DELTA),
        scorer: `scorer of ${digest}`,
      }));
      return { values, release: hold("deltas") };
    },
    weights: async (folders: readonly unknown[]) => ({ values: folders.map(() => ({})), release: hold("weights") }),
  } as unknown as ServedModel;
  return { served, held, read };
}

const request = (
  models: Readonly<Record<string, ResolvedModel>>,
  others: Readonly<Record<string, ServedModel>> = {},
) => {
  const loaded: string[] = [];
  const asked = {
    tenant: "acme",
    models,
    further: [delta("further")],
    deltaId: (digest: string) => digest,
    loadBase: async ({ digest }: { readonly digest: string }) => {
      loaded.push(digest);
      return others[digest]!;
    },
  };
  return { asked, loaded };
};
const NOTHING = { itself: 0, deltas: 0, weights: 0 };
const [A, B, C] = ["a", "b", "c"].map((id) => base(id)) as [
  ResolvedModel["base"],
  ResolvedModel["base"],
  ResolvedModel["base"],
];

describe("acquireOnAllBases", () => {
  it("loads no other base where all models have the request's own", async () => {
    const own = stub();
    const { asked, loaded } = request({ own: model(A, delta("d")), base: model(A), "experts[0].id": model(A) });
    const models = await acquireOnAllBases(own.served, asked);
    expect([loaded, own.read]).toEqual([[], [["d", "further"]]]);
    expect(models.get("own").served).toBe(own.served);
    models.release();
    expect(own.held).toEqual(NOTHING);
  });

  it("loads each other base once, reads what runs there, and keeps all of them until they are released", async () => {
    const [own, b, c] = [stub(), stub(), stub()];
    const { asked, loaded } = request(
      {
        own: model(A),
        "experts[0].id": model(B, delta("x")),
        "contrastive.amateur": model(C),
        "experts[1].id": model(B, delta("y")),
      },
      { b: b.served, c: c.served },
    );
    const models = await acquireOnAllBases(own.served, asked);
    expect(loaded).toEqual(["b", "c"]);
    // What the request's own rows may be given further runs on its own base.
    expect([own.read, b.read, c.read]).toEqual([[["further"]], [["x", "y"]], [[]]]);
    expect(["own", "experts[1].id", "contrastive.amateur"].map((at) => models.get(at).served)).toEqual([
      own.served,
      b.served,
      c.served,
    ]);
    expect(models.scorer("experts[1].id")).toBe("scorer of y");
    expect([own, b, c].map(({ held }) => held.itself)).toEqual([1, 1, 1]);
    models.release();
    expect([own, b, c].map(({ held }) => held)).toEqual([NOTHING, NOTHING, NOTHING]);
  });

  it("refuses a base with another tokenizer by name, before anything is read", async () => {
    const own = stub();
    const { asked, loaded } = request({ own: model(A), "contrastive.amateur": model(base("z", "another")) });
    await expect(acquireOnAllBases(own.served, asked)).rejects.toMatchObject({
      code: "invalid_request",
      param: "steering.contrastive.amateur",
      message: expect.stringContaining("z has another tokenizer than a"),
    });
    expect([loaded, own.read, own.held]).toEqual([[], [], NOTHING]);
  });

  it("refuses a base with logits for other tokens by name, and lets everything go", async () => {
    const [own, b] = [stub(96), stub(97)];
    const { asked } = request({ own: model(A), "experts[0].id": model(B) }, { b: b.served });
    await expect(acquireOnAllBases(own.served, asked)).rejects.toMatchObject({
      code: "invalid_request",
      param: "steering.experts[0].id",
      message: expect.stringContaining("97 tokens, and the request's for 96"),
    });
    expect([own.held, b.held]).toEqual([NOTHING, NOTHING]);
  });

  it("lets everything go where something cannot be read or loaded", async () => {
    const corrupt = new TrimtabError("corrupt_blob", "changed");
    const [own, b] = [stub(), stub(96, corrupt)];
    const models = { own: model(A, delta("d")), "experts[0].id": model(B, delta("x")) };
    await expect(acquireOnAllBases(own.served, request(models, { b: b.served }).asked)).rejects.toBe(corrupt);
    const { asked } = request(models);
    const unloadable = { ...asked, loadBase: () => Promise.reject(corrupt) };
    await expect(acquireOnAllBases(own.served, unloadable)).rejects.toBe(corrupt);
    await expect(acquireOnAllBases(stub(96, corrupt).served, asked)).rejects.toBe(corrupt);
    expect([own.held, b.held]).toEqual([NOTHING, NOTHING]);
  });
});
