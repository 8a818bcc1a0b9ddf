import { describe, expect, it } from "vitest";
import { Decoder } from "../../../edge/runtime/decoder.ts";
import { DeltaArena } from "../../../edge/runtime/delta-arena.ts";
import { KvSlab } from "../../../edge/runtime/kv-slab.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { RowVectors } from "../../../edge/runtime/row-vectors.ts";
import { BARE, type RowDeltas, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { sumDeltas } from "../../../shared/delta/sum.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { readWeights } from "../../../shared/model/weights.ts";
import plainConfig from "../../golden/llama/plain/config.json";
import plain from "../../golden/llama/plain/golden.json";
import plainFile from "../../golden/llama/plain/model.safetensors?url&inline";
import qwen2Config from "../../golden/llama/qwen2/config.json";
import qwen2 from "../../golden/llama/qwen2/golden.json";
import qwen2File from "../../golden/llama/qwen2/model.safetensors?url&inline";
import tiedConfig from "../../golden/llama/tied-sharded-bf16/config.json";
import tied from "../../golden/llama/tied-sharded-bf16/golden.json";
import shard1 from "../../golden/llama/tied-sharded-bf16/model-00001-of-00004.safetensors?url&inline";
import shard2 from "../../golden/llama/tied-sharded-bf16/model-00002-of-00004.safetensors?url&inline";
import shard3 from "../../golden/llama/tied-sharded-bf16/model-00003-of-00004.safetensors?url&inline";
import shard4 from "../../golden/llama/tied-sharded-bf16/model-00004-of-00004.safetensors?url&inline";
import { bytesOf } from "../support/stored-folder.ts";
import {
  largestDifference,
  oracleLogits,
  PARTS,
  type Part,
  randomDelta,
  rowOf,
  TINY,
  tinyParts,
} from "./tiny-model.ts";

const PROMPTS = [[5, 9, 2, 33, 17], [61, 3], [8, 8, 40, 21, 6, 7, 1, 50], [12, 30, 44], [7], [19, 4, 4, 63, 20]];
const FOLLOW = [3, 55, 20];

type Parts = Pick<Awaited<ReturnType<typeof tinyParts>>, "decoder" | "slab" | "weights">;

/** Fills a slot's prefix and prefills its row, which `arrange` has put there, in chunks of `chunk` positions; the last logits. */
function begin({ decoder, slab, weights }: Parts, slot: number, row: RowDeltas, prompt: readonly number[], chunk = 16) {
  if (row.nonColumnParts.prefix !== undefined) slab.writePrefix(slot, row.nonColumnParts.prefix);
  const total = row.virtualTokens + prompt.length;
  let logits = new Float32Array();
  for (let from = 0; from < total; from += chunk) {
    const to = Math.min(total, from + chunk);
    const virtual = Math.max(0, Math.min(to, row.virtualTokens) - from);
    const tokens = prompt.slice(Math.max(0, from - row.virtualTokens), Math.max(0, to - row.virtualTokens));
    logits = decoder.prefill(weights, { slot, start: row.prefixTokens + from, virtual, tokens }).slice();
  }
  return logits;
}

/** Logits after the prompt and after each of `follow`, alone in slot 0. */
function alone(parts: Parts, row: RowDeltas, prompt: readonly number[], follow = FOLLOW): Float32Array[] {
  const { decoder, weights } = parts;
  decoder.arrange([row]);
  const results = [begin(parts, 0, row, prompt)];
  const lead = row.prefixTokens + row.virtualTokens;
  follow.forEach((token, i) => {
    results.push(decoder.decode(weights, 0, [{ token, position: lead + prompt.length + i }]).slice());
  });
  decoder.arrange([]);
  return results;
}

/** The same of every row, all in one batch. */
function together(parts: Parts, rows: readonly RowDeltas[], chunk = 16): Float32Array[][] {
  const { decoder, weights } = parts;
  decoder.arrange(rows);
  const results = rows.map((row, slot) => [begin(parts, slot, row, PROMPTS[slot]!, chunk)]);
  FOLLOW.forEach((token, step) => {
    const batch = rows.map(({ prefixTokens, virtualTokens }, slot) => {
      return { token, position: prefixTokens + virtualTokens + PROMPTS[slot]!.length + step };
    });
    const logits = decoder.decode(weights, 0, batch);
    rows.forEach((_, slot) => {
      results[slot]!.push(logits.slice(slot * TINY.vocabSize, (slot + 1) * TINY.vocabSize));
    });
  });
  decoder.arrange([]);
  return results;
}

const worst = (got: readonly Float32Array[], expected: readonly Float32Array[]) =>
  Math.max(...got.map((logits, i) => largestDifference(logits, expected[i]!)));

describe("the decoder", () => {
  it.each([
    { name: "plain", config: plainConfig, golden: plain, files: [plainFile] },
    // Heads 12 wide, which the kernels do not take.
    { name: "tied-sharded-bf16", config: tiedConfig, golden: tied, files: [shard1, shard2, shard3, shard4] },
    { name: "qwen2", config: qwen2Config, golden: qwen2, files: [qwen2File] },
  ])("gives transformers' logits, prefilling and decoding: $name", async ({ config, golden, files }) => {
    const model = parseModelConfig(config);
    const names = files.map((_, i) => `${i}.safetensors`);
    const read = async (name: string) => bytesOf(files[names.indexOf(name)]!);
    const ort = await loadOrtModule();
    const weights = new WeightSet(ort, await readWeights(model, { names, bytes: read }));
    const slab = new KvSlab(ort, model, { slots: 2, capacity: 32 });
    const arena = new DeltaArena(ort, model, { slots: 2, floats: 1 });
    const vectors = new RowVectors(ort, model, 2);
    const decoder = new Decoder(ort, model, { slab, arena, vectors }, { chunk: 16 });
    const [rows, tokens] = golden.inputIds.shape as [number, number];
    for (let row = 0; row < rows; row++) {
      const ids = golden.inputIds.data.slice(row * tokens, (row + 1) * tokens);
      const results = alone({ decoder, slab, weights }, BARE, ids.slice(0, 4), ids.slice(4));
      for (const [i, logits] of results.entries()) {
        const at = (row * tokens + 3 + i) * model.vocabSize;
        expect(largestDifference(logits, golden.logits.data.slice(at, at + model.vocabSize))).toBeLessThan(1e-4);
      }
    }
  });

  it.each<[name: string, parts: readonly Part[]]>([
    ...PARTS.map((part): [string, Part[]] => [part, [part]]),
    ["everything", PARTS],
  ])("computes what the training graph does with the delta: %s", async (_, kinds) => {
    const parts = await tinyParts();
    const delta = randomDelta("a", kinds);
    const [prompt, tokens] = [PROMPTS[2]!, [...PROMPTS[2]!, ...FOLLOW]];
    const got = alone(parts, rowOf("a", delta), prompt);
    const expected = oracleLogits(parts.ort, parts.weights, { delta, tokens });
    const base = oracleLogits(parts.ort, parts.weights, { delta: NO_DELTA, tokens });
    const size = Math.max(...expected.map(Math.abs));
    got.forEach((logits, i) => {
      const at = (prompt.length - 1 + i) * TINY.vocabSize;
      const same = expected.slice(at, at + TINY.vocabSize);
      expect(largestDifference(logits, same)).toBeLessThan(1e-5 * Math.max(1, size));
      expect(largestDifference(same, base.slice(at, at + TINY.vocabSize))).toBeGreaterThan(1e-2);
    });
  });

  it.each([1, 2, 3, 5])("fills what stands before the text and the text in chunks of %d positions", async (chunk) => {
    const parts = await tinyParts();
    const row = rowOf("a", randomDelta("a", ["prompt", "prefix", "factors"], { positions: 4 }));
    const [expected] = alone(parts, row, PROMPTS[2]!, []);
    parts.decoder.arrange([BARE, row]);
    expect(largestDifference(begin(parts, 1, row, PROMPTS[2]!, chunk), expected!)).toBeLessThan(1e-5);
  });

  it("serves prefixes and virtual tokens on heads that the kernels do not take", async () => {
    const config = { ...TINY, headDim: 12 };
    const parts = await tinyParts({ config, weights: initialWeights(config, 3) });
    const delta = randomDelta("a", PARTS, { config });
    const got = alone(parts, rowOf("a", delta), PROMPTS[2]!);
    const expected = oracleLogits(parts.ort, parts.weights, { delta, config, tokens: [...PROMPTS[2]!, ...FOLLOW] });
    got.forEach((logits, i) => {
      const at = (PROMPTS[2]!.length - 1 + i) * config.vocabSize;
      expect(largestDifference(logits, expected.slice(at, at + config.vocabSize))).toBeLessThan(1e-4);
    });
  });

  const [a, b, c, d] = [
    randomDelta("a", ["factors", "scales"]),
    randomDelta("bb", ["factors", "biases", "head"], { rank: 3 }),
    randomDelta("ccc", ["bottlenecks", "embedding"], { columns: 7 }),
    randomDelta("dddd", PARTS),
  ];
  const served = { a: servingDelta("a", a), b: servingDelta("b", b), c: servingDelta("c", c), d: servingDelta("d", d) };
  const mixed: RowDeltas[] = [
    BARE,
    rowDeltas([{ delta: served.a, weight: 1 }]),
    rowDeltas([
      { delta: served.a, weight: 0.5 },
      { delta: served.b, weight: -1.5 },
      { delta: served.c, weight: 0.25 },
    ]),
    rowDeltas([{ delta: served.d, weight: 1 }]),
    rowDeltas([{ delta: served.c, weight: 1 }]),
    rowDeltas([
      { delta: served.d, weight: 1 },
      { delta: served.b, weight: 2 },
    ]),
  ];

  /** As many different deltas as rows, one of each with another's beside it, and a bare row. */
  const different: RowDeltas[] = PROMPTS.map((_, i) => {
    const kinds: Part[][] = [
      ["factors"],
      ["factors", "scales"],
      [],
      ["bottlenecks", "factors"],
      ["factors", "biases"],
      [...PARTS],
    ];
    const own = servingDelta(`own ${i}`, randomDelta(`own ${i}`, kinds[i]!, { rank: 3 + (i % 2) }));
    return i === 4
      ? rowDeltas([
          { delta: own, weight: 0.5 },
          { delta: served.c, weight: -1 },
        ])
      : i === 2
        ? BARE
        : rowDeltas([{ delta: own, weight: 1 }]);
  });

  it.each([
    ["bank", mixed],
    ["rows", different],
  ] as const)("gives every row of a mixed batch the logits that it has alone: %s", async (layout, rows) => {
    const parts = await tinyParts({ ranks: 64 });
    parts.decoder.arrange(rows);
    expect(parts.arena.layout).toBe(layout);
    const expected = rows.map((row, i) => alone(parts, row, PROMPTS[i]!));
    const got = together(parts, rows, 3);
    rows.forEach((row, i) => {
      expect(worst(got[i]!, expected[i]!)).toBeLessThan(1e-5);
      const bare = alone(parts, BARE, PROMPTS[i]!);
      if (row !== BARE) expect(worst(got[i]!, bare)).toBeGreaterThan(1e-2);
    });
  });

  it("gives the same in both layouts, up to rounding", async () => {
    const rows = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff"].map((key) =>
      rowOf(key, randomDelta(key, ["factors", "bottlenecks"], { rank: 1 + key.length }), 0.7),
    );
    // The blocks of the rows' own are as wide as the widest, so they need more room than the bank.
    const [small, large] = [await tinyParts({ ranks: 40 }), await tinyParts({ ranks: 64 })];
    const results = [small, large].map((parts) => {
      parts.decoder.arrange(rows);
      return { layout: parts.arena.layout, logits: together(parts, rows).flat() };
    });
    expect(results.map(({ layout }) => layout)).toEqual(["bank", "rows"]);
    expect(worst(results[0]!.logits, results[1]!.logits)).toBeLessThan(1e-5);
  });

  it("adds up deltas as their sum does", async () => {
    const parts = await tinyParts();
    const terms = [
      { delta: a, weight: 0.7 },
      { delta: b, weight: -0.4 },
      { delta: c, weight: 1.2 },
    ];
    const tokens = [...PROMPTS[0]!, ...FOLLOW];
    const expected = oracleLogits(parts.ort, parts.weights, { delta: sumDeltas(terms), tokens });
    const row = rowDeltas(terms.map(({ delta, weight }, i) => ({ delta: servingDelta(String(i), delta), weight })));
    alone(parts, row, PROMPTS[0]!).forEach((logits, i) => {
      const at = (PROMPTS[0]!.length - 1 + i) * TINY.vocabSize;
      expect(largestDifference(logits, expected.slice(at, at + TINY.vocabSize))).toBeLessThan(1e-4);
    });
  });

  it("takes a delta of weight 0 for none", async () => {
    const parts = await tinyParts();
    expect(rowDeltas([{ delta: served.d, weight: 0 }])).toBe(BARE);
    const one = rowDeltas([{ delta: served.a, weight: 1 }]);
    const two = rowDeltas([
      { delta: served.a, weight: 1 },
      { delta: served.d, weight: 0 },
    ]);
    expect(alone(parts, two, PROMPTS[0]!)).toEqual(alone(parts, one, PROMPTS[0]!));
  });

  it("gives the base's own bytes to a row that is bare, once nobody else has a delta", async () => {
    const parts = await tinyParts();
    const before = alone(parts, BARE, PROMPTS[0]!);
    together(parts, mixed);
    parts.slab.clear(0);
    expect(alone(parts, BARE, PROMPTS[0]!)).toEqual(before);
  });

  it("gives neighbouring rows the bits of the hidden states that each has alone", async () => {
    const parts = await tinyParts();
    const { decoder, weights } = parts;
    const rows = PROMPTS.slice(0, 3).map(() => BARE);
    decoder.arrange(rows);
    for (const [slot, prompt] of PROMPTS.slice(0, 3).entries()) begin(parts, slot, BARE, prompt);
    const next = rows.map((_, slot) => ({ token: 3 + slot, position: PROMPTS[slot]!.length }));
    const single = next.map((row, slot) => {
      decoder.decode(weights, slot, [row]);
      return decoder.final().slice();
    });
    decoder.decode(weights, 0, next);
    expect(rows.map((_, slot) => decoder.final(slot).slice())).toEqual(single);
  });

  it("prefills in chunks exactly, beside rows that decode", async () => {
    const { decoder, weights } = await tinyParts();
    const prompt = PROMPTS[2]!;
    const whole = decoder.prefill(weights, { slot: 4, tokens: prompt, start: 0, virtual: 0 }).slice();
    decoder.prefill(weights, { slot: 0, tokens: PROMPTS[0]!, start: 0, virtual: 0 });
    decoder.prefill(weights, { slot: 1, tokens: prompt.slice(0, 3), start: 0, virtual: 0 });
    // The unfinished row rides along in a step; what that writes is overwritten by its next chunk.
    decoder.decode(weights, 0, [
      { token: 1, position: PROMPTS[0]!.length },
      { token: 0, position: 3 },
    ]);
    const chunked = decoder.prefill(weights, { slot: 1, tokens: prompt.slice(3), start: 3, virtual: 0 });
    expect(largestDifference(chunked, whole)).toBeLessThan(1e-5);
  });

  it.each(PARTS)("keeps a delta that overflows from its neighbours: %s", async (part) => {
    const parts = await tinyParts();
    const huge = rowOf("huge", randomDelta("huge", [part], { size: 3e38 }));
    for (const rows of [
      [BARE, huge],
      [rowOf("a", a), huge, rowOf("b", b), rowOf("c", c)],
    ]) {
      const expected = alone(parts, rows[0]!, PROMPTS[0]!);
      const got = together(parts, rows);
      expect(worst(got[0]!, expected)).toBeLessThan(1e-5);
      // The norm divides an infinite prompt by an infinity of its own, and gives 0.
      if (part !== "prompt") expect(got[1]!.flatMap((logits) => [...logits]).every(Number.isFinite)).toBe(false);
    }
  });
});
