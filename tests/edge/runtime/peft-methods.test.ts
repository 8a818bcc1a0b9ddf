/**
 * Every method of the registry on the edge runtime: a row with the published delta computes what the method's training graph
 * computes with the trained values, alone and in one batch with all the others.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { allocateTensor, residentCopy } from "../../../edge/runtime/resident-tensor.ts";
import type { RowDeltas } from "../../../edge/runtime/serving-delta.ts";
import { createSession } from "../../../edge/runtime/session.ts";
import { sumDeltas } from "../../../shared/delta/sum.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { encodeOnnx } from "../../../shared/graph/onnx.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import { publishMethods } from "../../../shared/peft/combine.ts";
import type { AttachedMethod } from "../../../shared/peft/method.ts";
import { type AnySettings, PEFT_METHODS, type PeftType } from "../../../shared/peft/registry.ts";
import { i64, type Tensor, tensor } from "../../../shared/tensor.ts";
import { PEFT_CASES } from "../../contract/peft-cases.ts";
import { attached, moved, settingsOf } from "../../support/peft.ts";
import { largestDifference, rowOf, TINY, TINY_WEIGHTS, tinyParts } from "./tiny-model.ts";

const TEXT = [5, 9, 2, 33, 17, 40, 8, 61];
const CHUNK = 3;

interface Case {
  readonly name: string;
  readonly method: AttachedMethod;
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
  readonly row: RowDeltas;
}

async function caseOf(type: PeftType, given: object): Promise<Case> {
  const settings = settingsOf({ type, ...given });
  const method = attached(settings, { config: TINY, weights: TINY_WEIGHTS });
  const values = moved(method.initial, { size: 0.15 });
  const base = { id: "tiny", files: new Map() };
  const options = { config: TINY, settings: [settings] as AnySettings[], seed: 1, values, weights: TINY_WEIGHTS, base };
  const parts = await publishMethods(options);
  const deltas = parts.flatMap((part) => (part.kind === "adapter" ? [{ delta: part.adapter.delta, weight: 1 }] : []));
  const name = `${type} ${JSON.stringify(given)}`;
  return { name, method, values, row: rowOf(name, sumDeltas(deltas)) };
}

type Parts = Awaited<ReturnType<typeof tinyParts>>;

/** The logits after the text's last token, from the method's training graph. */
function trainedLogits({ ort, weights }: Parts, { method, values }: Case): Float32Array {
  const virtual = method.virtualTokens ?? 0;
  const length = virtual + TEXT.length;
  const b = new GraphBuilder("method");
  const constants = new Map<string, Tensor>([...(method.frozen ?? []), ...values]);
  const { logits } = trainingForward(
    b,
    TINY,
    { rows: 1, tokens: length },
    {
      prefixTokens: method.prefixTokens ?? 0,
      rewrite: (positions, weight) => {
        const parameter = (name: string) => b.constant(constants.get(name)!);
        const context = { b, config: TINY, parameter, random: parameter, weight, positions, training: false };
        // The 4-bit base is for training only; the edge serves the adapter on the full-precision base.
        const { product: _, ...rewrite } = method.rewrite?.(context) ?? {};
        return rewrite;
      },
    },
  );
  const graph = b.build({ logits });
  const session = createSession(ort, encodeOnnx(graph), { name: "method" });
  // A method whose initial factors come from the weights trains beside the residual weights.
  const changed = [...(method.frozen ?? [])].filter(([name]) => name in weights.tensors && !method.replaced?.has(name));
  const feeds = {
    tokens: residentCopy(ort, i64([1, length], [...new Array<number>(virtual).fill(0), ...TEXT])),
    positions: residentCopy(ort, i64([1, length], [...Array.from({ length }).keys()])),
    segments: residentCopy(ort, tensor("i32", [1, length], new Int32Array(length))),
    ...Object.fromEntries(changed.map(([name, value]) => [name, residentCopy(ort, value as Tensor<"f32">)])),
  };
  const result = allocateTensor(ort, "f32", [1, length, TINY.vocabSize]);
  session.run({ ...weights.tensors, ...feeds }, { logits: result });
  const last = result.view().slice(-TINY.vocabSize);
  session.dispose();
  for (const each of [...Object.values(feeds), result]) each.dispose();
  return last;
}

/** Prefills every slot with its row's text in chunks, except for the last token, which all rows decode together. */
function served({ decoder, slab, weights }: Parts, rows: readonly RowDeltas[]): Float32Array[] {
  decoder.arrange(rows);
  rows.forEach((row, slot) => {
    if (row.nonColumnParts.prefix !== undefined) slab.writePrefix(slot, row.nonColumnParts.prefix);
    const positions = row.virtualTokens + TEXT.length - 1;
    for (let from = 0; from < positions; from += CHUNK) {
      const to = Math.min(positions, from + CHUNK);
      const virtual = Math.max(0, Math.min(to, row.virtualTokens) - from);
      const tokens = TEXT.slice(Math.max(0, from - row.virtualTokens), Math.max(0, to - row.virtualTokens));
      decoder.prefill(weights, { slot, start: row.prefixTokens + from, virtual, tokens });
    }
  });
  const batch = rows.map(({ prefixTokens, virtualTokens }) => {
    return { token: TEXT.at(-1)!, position: prefixTokens + virtualTokens + TEXT.length - 1 };
  });
  const logits = decoder.decode(weights, 0, batch).slice();
  decoder.arrange([]);
  return rows.map((_, slot) => logits.slice(slot * TINY.vocabSize, (slot + 1) * TINY.vocabSize));
}

const types = (Object.keys(PEFT_METHODS) as PeftType[]).filter((type) => type !== "full");

describe.each(types)("%s", (type) => {
  it.each(PEFT_CASES[type].map(({ settings }) => settings))("is served exactly as trained: %j", async (given) => {
    const one = await caseOf(type, given);
    const parts = await tinyParts();
    const expected = trainedLogits(parts, one);
    const [got] = served(parts, [one.row]);
    const size = Math.max(1, ...expected.map(Math.abs));
    expect(largestDifference(got!, expected)).toBeLessThan(2e-5 * size);
    const [bare] = served(parts, [rowOf("nothing", sumDeltas([]))]);
    expect(largestDifference(expected, bare!)).toBeGreaterThan(1e-3);
  });
});

describe("all methods in one batch", () => {
  let cases: Case[];
  beforeAll(async () => {
    cases = await Promise.all(types.map((type) => caseOf(type, PEFT_CASES[type][0]!.settings)));
  });

  it("gives each row the result that it gets alone", async () => {
    const parts = await tinyParts({ slots: types.length, ranks: 256 });
    const rows = cases.map(({ row }) => row);
    const together = served(parts, rows);
    rows.forEach((row, at) => {
      const [alone] = served(parts, [row]);
      const size = Math.max(1, ...alone!.map(Math.abs));
      expect(largestDifference(together[at]!, alone!), cases[at]!.name).toBeLessThan(1e-5 * size);
    });
  });
});
