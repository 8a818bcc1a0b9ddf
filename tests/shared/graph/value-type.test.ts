import { describe, expect, it } from "vitest";
import { formatShape, formatType, sameShape } from "../../../shared/graph/value-type.ts";

describe("shapes and types as text", () => {
  it("show names and numbers alike", () => {
    expect(formatShape(["batch", 3])).toBe("[batch, 3]");
    expect(formatShape([])).toBe("[]");
    expect(formatType({ dtype: "i64", shape: ["batch"] })).toBe("i64[batch]");
  });
});

describe("sameShape", () => {
  it("compares every dimension, and never a name with a number", () => {
    expect(sameShape([2, "seq"], [2, "seq"])).toBe(true);
    expect(sameShape([2, 3], [2])).toBe(false);
    expect(sameShape([2, 3], [3, 2])).toBe(false);
    expect(sameShape(["2"], [2])).toBe(false);
  });
});
