import { afterAll, describe, expect, it } from "vitest";
import { matrix, product } from "../../../shared/linalg/matrix.ts";
import { added } from "../../../trainer/edits/sequence.ts";
import { scaleValue } from "../../../trainer/edits/solve/norm-scaling.ts";
import { type LayerKnowledge, solveBatch, type ValuedFact } from "../../../trainer/edits/solve-batch.ts";
import { readAtPlaces, readKeys } from "../../../trainer/edits/subject-states.ts";
import { float64Executor } from "../../support/float64-executor.ts";
import { asDoubles, distance, editGolden, GOLDEN_MODELS } from "./golden.ts";

describe.each(GOLDEN_MODELS)("solves on %s", (name) => {
  const golden = editGolden(name);
  const { json } = golden;
  const width = golden.config.hiddenSize;
  const model = golden.model(float64Executor, asDoubles);
  afterAll(() => model.dispose());

  const knowledge = new Map(
    json.layers.map((layer): [number, LayerKnowledge] => {
      const projector = golden.has(`projector.layer${layer}`) ? golden.matrix(`projector.layer${layer}`) : undefined;
      const secondMoment = golden.matrix(`second_moment.layer${layer}`);
      return [layer, { secondMoment, ...(projector === undefined ? {} : { projector }) }];
    }),
  );
  /** Facts with the golden's δ, and what it starts from on the model as it is. */
  async function valued(indices: readonly number[], path: string, layer: number): Promise<ValuedFact[]> {
    const facts = golden.facts(indices);
    const rows = facts.map(({ contexts }) => contexts[0]!);
    const states = await readAtPlaces(model, rows, [`layers.${layer}`, `layers.${layer}.mlp`]);
    const row = (tap: string, at: number) => states.get(tap)!.data.slice(at * width, (at + 1) * width);
    return facts.map((fact, i) => ({
      fact,
      delta: golden.numbers(`${path}.fact${fact.index}.deltas`).slice(-width),
      start: { mlp: row(`layers.${layer}.mlp`, i), layer: row(`layers.${layer}`, i) },
    }));
  }

  it("read the reference's keys in every context", async () => {
    const facts = golden.facts(json.facts.map((_, index) => index));
    for (const layer of json.layers) {
      const keys = golden.numbers(`context_keys.layer${layer}`);
      const size = golden.config.ffnSize;
      const contexts = json.contexts.length;
      const mean = await readKeys(model, facts, { layer, mean: "contexts" });
      const expected = new Float64Array(facts.length * size);
      for (let fact = 0; fact < facts.length; fact++) {
        for (let i = 0; i < contexts * size; i++) {
          expected[fact * size + (i % size)]! += keys[fact * contexts * size + i]! / contexts;
        }
      }
      expect(distance(mean.data, expected)).toBeLessThan(1e-12);
    }
  });

  it("change one layer as ROME does", async () => {
    for (const index of json.batch) {
      const { layer } = json.rome;
      const rome = { method: "rome", layers: [layer], lambda: 0, knowledge, previous: new Map() } as const;
      // The reference's mean.
      const options = { ...rome, keyMean: "contexts" } as const;
      const [solved] = await solveBatch(model, await valued([index], "rome", layer), options);
      model.reset();
      expect(distance(solved!.keys.data, golden.numbers(`rome.fact${index}.key`))).toBeLessThan(1e-12);
      const change = product(solved!.a, solved!.b);
      expect(distance(change.data, golden.numbers(`rome.fact${index}.change`))).toBeLessThan(1e-9);
    }
  });

  it("keep what facts solved before them at the same layer ask for", async () => {
    const { layer } = json.rome;
    const facts = await valued(json.batch, "rome", layer);
    const options = { method: "rome", layers: [layer], lambda: 0, knowledge, previous: new Map() } as const;
    const [solved] = await solveBatch(model, facts, options);
    model.reset();
    // The last fact has its whole δ, whatever those before it changed at its key.
    const size = golden.config.ffnSize;
    const last = solved!.keys.data.slice((facts.length - 1) * size);
    const moved = product(product(matrix(1, size, last), solved!.a), solved!.b);
    expect(distance(moved.data, facts.at(-1)!.delta)).toBeLessThan(1e-9);
  });

  it("change the layers one after the other as MEMIT does", async () => {
    const facts = await valued(json.batch, "memit", json.layers.at(-1)!);
    const { lambda } = json.memit;
    const solved = await solveBatch(model, facts, {
      ...{ method: "memit", layers: json.layers, lambda, knowledge, previous: new Map() },
    });
    model.reset();
    expect(solved.map(({ layer }) => layer)).toEqual(json.layers);
    for (const { layer, keys, a, b } of solved) {
      expect(distance(keys.data, golden.numbers(`memit.layer${layer}.keys`))).toBeLessThan(1e-9);
      expect(distance(b.data, golden.numbers(`memit.layer${layer}.residuals`))).toBeLessThan(1e-9);
      expect(distance(product(a, b).data, golden.numbers(`memit.layer${layer}.change`))).toBeLessThan(1e-6);
    }
  });

  it("hold what earlier edits made of their keys, as MEMIT alone does not", async () => {
    const layer = json.layers.at(-1)!;
    const facts = await valued(json.batch, "memit", layer);
    const options = { method: "memit", layers: [layer], lambda: json.memit.lambda, knowledge } as const;
    const earlier = await readKeys(model, golden.facts(json.earlier), { layer, mean: "halves" });
    const moved = async (previous: ReadonlyMap<number, ReturnType<typeof added>>) => {
      const [solved] = await solveBatch(model, facts, { ...options, previous });
      const { a, b } = solved!;
      model.reset();
      return Math.hypot(...product(product(earlier, a), b).data);
    };
    const weighty = added(undefined, earlier);
    for (let at = 0; at < weighty.data.length; at++) weighty.data[at]! *= 1e4;
    expect(await moved(new Map([[layer, weighty]]))).toBeLessThan(0.05 * (await moved(new Map())));
  });

  it.runIf(name === "llama")(
    "change them on top of an earlier edit as AlphaEdit does, with and without scaling",
    async () => {
      const last = json.layers.at(-1)!;
      const { lambda } = json.alphaedit;
      const options = { method: "alphaedit", layers: json.layers, lambda, knowledge } as const;
      const earlier = await solveBatch(model, await valued(json.earlier, "alphaedit.earlier", last), {
        ...{ ...options, previous: new Map() },
      });
      for (const { layer, a, b } of earlier) {
        expect(distance(product(a, b).data, golden.numbers(`alphaedit.earlier.layer${layer}.change`))).toBeLessThan(
          1e-6,
        );
      }
      const previous = new Map(earlier.map(({ layer, keys }) => [layer, added(undefined, keys)]));
      const facts = await valued(json.batch, "alphaedit.later", last);
      const { anchor, skip_above: skipAbove } = json.nas;
      const scaled = facts.map((fact) => {
        const value = fact.start.mlp;
        return { ...fact, delta: scaleValue({ value, delta: fact.delta, anchor, skipAbove }).delta };
      });
      for (const [entry, asked] of [
        ["alphaedit.later", facts],
        ["nas", scaled],
      ] as const) {
        const solved = await solveBatch(model, asked, { ...options, previous });
        for (const { layer, a, b } of solved) {
          expect(distance(product(a, b).data, golden.numbers(`${entry}.layer${layer}.change`)), entry).toBeLessThan(
            1e-6,
          );
        }
        // Back to the earlier edit alone.
        model.reset();
        for (const one of earlier) model.change(one.layer, one);
      }
      model.reset();
    },
  );
});
