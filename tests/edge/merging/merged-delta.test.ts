import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { mergeInTurns, readSources, requireServed } from "../../../edge/merging/merged-delta.ts";
import { Pace } from "../../../edge/pace/pace.ts";
import { Turnstile } from "../../../edge/pace/turnstile.ts";
import { MergeDeltas } from "../../../shared/api/deltas.ts";
import { type CanonicalDelta, type CanonicalModule, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { mergeDeltas } from "../../../shared/delta/merge/merge.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { f32, type Tensor, zeros } from "../../../shared/tensor.ts";
import { TINY_CONFIG } from "../support/tiny-base.ts";

const config = parseModelConfig(TINY_CONFIG);
const request = (fields: object = {}) =>
  MergeDeltas.parse({ model: "base", deltas: [{ id: "a" }, { id: "b", weight: 2 }], ...fields });
const ones = (...shape: number[]): Tensor<"f32"> =>
  f32(shape, new Float32Array(shape.reduce((all, size) => all * size, 1)).fill(1));

const delta = (modules: Readonly<Record<string, CanonicalModule>>): CanonicalDelta => ({
  ...NO_DELTA,
  linears: new Map(Object.entries(modules)),
});
const source = (of: CanonicalDelta, manifest: object = {}) => ({
  digest: "d".repeat(64),
  manifest: manifest as never,
  delta: of,
});

describe("readSources", () => {
  it("refuses more than fits in memory before it reads anything", async () => {
    const file = { name: "serving.safetensors", bytes: LIMITS.mergedBytes / 2 + 1, sha256: "0".repeat(64) };
    const folder = { digest: "d".repeat(64), prefix: "nowhere/", files: [file] };
    await expect(readSources(env.BLOBS, [folder, folder], { config })).rejects.toMatchObject({
      code: "payload_too_large",
      param: "deltas",
    });
  });
});

describe("mergeInTurns", () => {
  const q = { a: ones(16, 1), b: ones(1, 16) };
  const two = [source(delta({ q, k: q })), source(delta({ q }))];

  it("lets others have a turn after each part, and comes to what mergeDeltas does", async () => {
    let turns = 0;
    const counted = new Turnstile();
    counted.pass = async () => {
      turns++;
    };
    const result = await mergeInTurns(request(), two, new Pace("a", counted));
    expect(turns).toBe(2);
    const terms = two.map((each, index) => ({ delta: each.delta, weight: index + 1 }));
    expect(result).toEqual(mergeDeltas(terms, { method: "linear" }));
  });

  it("refuses what would compute too long, and names the methods that would not", async () => {
    const large = { a: zeros([4096, 1]), b: zeros([1, 4096]) };
    const sources = two.map(() => source(delta({ q: large })));
    await expect(mergeInTurns(request({ method: "ties", density: 0.5 }), sources, new Pace("a"))).rejects.toMatchObject(
      {
        code: "invalid_request",
        param: "method",
        message: "`method` ties takes too long on a model of this size. Use linear, svd, cat.",
      },
    );
  });
});

describe("requireServed", () => {
  const limits = { rank: 8, columns: 16, positions: 100, bytes: 100_000 };
  const wide = delta({ q: { a: ones(16, 9), b: ones(9, 16) } });
  const requiring = (fields: object) => () => requireServed(wide, request(fields), limits);

  it("lets through what a request could use", () => {
    expect(() => requireServed(wide, request(), { ...limits, rank: 9 })).not.toThrow();
  });

  it("says which field makes the result smaller", () => {
    const message = "the result has a rank of 9, but the most that is served on this model is a rank of 8.";
    expect(requiring({ method: "svd", rank: 9 })).toThrow(
      expect.objectContaining({ param: "rank", message: `\`rank\`: ${message} Send a lower \`rank\`.` }),
    );
    expect(requiring({})).toThrow(
      expect.objectContaining({
        param: "method",
        message: `\`method\`: ${message} Use svd with a \`rank\` of at most that.`,
      }),
    );
    expect(() => requireServed(wide, request(), { ...limits, rank: 9, bytes: 1000 })).toThrow(
      expect.objectContaining({ param: "method", message: expect.stringContaining("has 0.0 MB of numbers") }),
    );
    const positions = { ...NO_DELTA, prompt: ones(101, 16) };
    expect(() => requireServed(positions, request(), limits)).toThrow(
      expect.objectContaining({
        param: "deltas",
        message:
          "`deltas`: the result has 101 positions before the text, but the most that is served on this model is 100.",
      }),
    );
  });
});
