import { describe, expect, test } from "vitest";
import { matrix } from "../../../../shared/linalg/matrix.ts";
import { scaleValue, valueAnchor } from "../../../../trainer/edits/solve/norm-scaling.ts";
import { distance, goldenEdits, MODELS } from "./golden.ts";

const row = (data: Float64Array) => matrix(1, data.length, data);

describe.each(MODELS)("%s, ROME", (model) => {
  const { settings, read, delta } = goldenEdits(model);
  const { rome_norms, rome_anchor: anchor, skip_above: skipAbove } = settings.nas;

  test("the reference's anchor", () => {
    expect(Math.abs(valueAnchor(rome_norms) / anchor - 1)).toBeLessThan(1e-14);
  });

  test.each(settings.batch)("the reference's δ′ of fact %i", (fact) => {
    const path = `rome.fact${fact}`;
    const value = read(`${path}.value0`).data;
    const scaled = scaleValue({ value, delta: delta(path), anchor, skipAbove });
    expect(distance(row(scaled.delta), read(`${path}.nas.delta`))).toBeLessThan(1e-9);
    expect(scaled.skipped).toBe(false);
    expect(Math.hypot(...value.map((element, index) => element + scaled.delta[index]!))).toBeCloseTo(anchor, 9);
    expect(scaled.scale * scaled.norm).toBeCloseTo(anchor, 9);
  });
});

describe("llama, values at a layer's output", () => {
  const { settings, read, delta } = goldenEdits("llama");
  const { nas } = settings;

  test("the reference's anchor", () => expect(Math.abs(valueAnchor(nas.norms) / nas.anchor - 1)).toBeLessThan(1e-14));

  test.each([
    ["nas.deltas", nas.skip_above, 0],
    ["nas.tight.deltas", nas.tight_skip_above, 1],
  ] as const)("the reference's %s, with a limit of %d anchors", (entry, skipAbove, skips) => {
    const [values, expected] = [read("nas.values"), read(entry)];
    const width = values.shape[1]!;
    const found = settings.batch.map((fact, index) =>
      scaleValue({
        value: values.data.slice(index * width, (index + 1) * width),
        delta: delta(`alphaedit.later.fact${fact}`),
        anchor: nas.anchor,
        skipAbove,
      }),
    );
    const data = Float64Array.from(found.flatMap(({ delta }) => [...delta]));
    expect(distance(matrix(found.length, width, data), expected)).toBeLessThan(1e-9);
    expect(found.filter(({ skipped }) => skipped).length).toBe(skips);
    for (const { skipped, delta, scale } of found.filter((one) => one.skipped)) {
      expect([skipped, Math.hypot(...delta), scale]).toEqual([true, 0, 0]);
    }
  });
});

test("the limit is 2 anchors unless told otherwise, and itself allowed", () => {
  const at = (norm: number) =>
    scaleValue({ value: Float64Array.of(1, 0), delta: Float64Array.of(norm - 1, 0), anchor: 1 }).skipped;
  expect([at(2), at(2.001)]).toEqual([false, true]);
});

test("a value of zero length stays, since it has no direction", () => {
  const { delta, scale } = scaleValue({ value: Float64Array.of(1, -2), delta: Float64Array.of(-1, 2), anchor: 3 });
  expect([...delta]).toEqual([-1, 2]);
  expect(scale).toBe(3);
});

test("the anchor leaves out the largest twentieth, rounded down", () => {
  expect(valueAnchor([1, 2, 90])).toBe(31);
  expect(valueAnchor([1000, ...Array(19).fill(4)])).toBe(4);
  expect(valueAnchor([1000, 2000, ...Array(37).fill(4)])).toBeGreaterThan(4);
});
