import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { f32, i64 } from "../../../shared/tensor.ts";
import { checkFeeds, dimensionSizes, openInputs, resolveShape, takenBy } from "../../../trainer/engines/feeds.ts";

const b = new GraphBuilder("step");
const tokens = b.input("tokens", "i64", ["batch", "seq"]);
const mask = b.input("mask", "f32", ["batch", 2]);
b.input("weight", "f32", [2, 3]);
const graph = b.build({ tokens, mask });
const weight = f32([2, 3], [1, 2, 3, 4, 5, 6]);

it("picks the tensors of a graph's inputs, and reads no others", () => {
  const read: string[] = [];
  const held = Object.assign(new Map([["weight", weight]]).set("other", weight), {
    get: (name: string) => {
      read.push(name);
      return weight;
    },
  });
  expect([...takenBy(graph, held)]).toEqual([["weight", weight]]);
  expect(read).toEqual(["weight"]);
});

describe("openInputs", () => {
  it("leaves out what is bound", () => {
    expect(openInputs(graph, new Map([["weight", weight]])).map(({ name }) => name)).toEqual(["tokens", "mask"]);
    expect(openInputs(graph, new Map())).toHaveLength(3);
  });

  it("rejects a binding that matches no input or has the wrong shape", () => {
    expect(() => openInputs(graph, new Map([["wieght", weight]]))).toThrow("step has no input named wieght to bind");
    expect(() => openInputs(graph, new Map([["weight", f32([3, 2], [1, 2, 3, 4, 5, 6])]]))).toThrow(
      "input weight of step is f32[2, 3], but was given f32[3, 2]",
    );
  });

  it("rejects binding an input of unknown size", () => {
    expect(() => openInputs(graph, new Map([["mask", f32([1, 2], [1, 0])]]))).toThrow(
      "input mask of step is f32[batch, 2], but was given f32[1, 2]",
    );
  });
});

describe("checkFeeds", () => {
  const inputs = openInputs(graph, new Map([["weight", weight]]));
  const fits = { tokens: i64([1, 3], [1, 2, 3]), mask: f32([1, 2], [1, 0]) };
  const check = (feeds: Parameters<typeof checkFeeds>[2]) => () => checkFeeds("step", inputs, feeds);

  it("accepts every open input once, named dimensions at any size", () => {
    expect(check(fits)).not.toThrow();
    expect(check({ tokens: i64([2, 1], [1, 2]), mask: f32([2, 2], [1, 0, 1, 0]) })).not.toThrow();
  });

  it("names the input that is missing or unknown, or has the wrong type or shape", () => {
    expect(check({ tokens: fits.tokens })).toThrow("step needs a tensor for its input mask");
    expect(check({ ...fits, extra: fits.mask })).toThrow("step has no open input named extra");
    expect(check({ ...fits, weight })).toThrow("step has no open input named weight");
    expect(check({ ...fits, tokens: f32([1, 3], [1, 2, 3]) })).toThrow(
      "input tokens of step is i64[batch, seq], but was given f32[1, 3]",
    );
    expect(check({ ...fits, mask: f32([1, 3], [1, 0, 1]) })).toThrow(
      "input mask of step is f32[batch, 2], but was given f32[1, 3]",
    );
    expect(check({ ...fits, mask: f32([2], [1, 0]) })).toThrow("but was given f32[2]");
  });

  it("rejects feeds that disagree about a named dimension", () => {
    expect(check({ ...fits, mask: f32([2, 2], [1, 0, 1, 0]) })).toThrow(
      "step: the dimension batch is 1 elsewhere, but 2 in mask",
    );
  });

  it("returns the sizes of the named dimensions", () => {
    const sizes = dimensionSizes("step", inputs, fits);
    expect(resolveShape(["batch", 4, "seq"], sizes)).toEqual([1, 4, 3]);
  });
});
