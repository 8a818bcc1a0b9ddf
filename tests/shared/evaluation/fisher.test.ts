import { expect, it } from "vitest";
import { decodeFisher, encodeFisher, type Fisher, fisherName } from "../../../shared/evaluation/fisher.ts";
import { writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { f32 } from "../../../shared/tensor.ts";

const fisher: Fisher = {
  ...{ source: "corpus", samples: 3, tokens: 20, half_difference: 0.25 },
  diagonal: new Map([
    ["a.weight", f32([2, 2], [0, 1, 2, 3e-9])],
    ["b.weight", f32([1], [0.5])],
  ]),
};

it("reads what it writes", () => {
  expect(decodeFisher(encodeFisher(fisher))).toEqual(fisher);
});

it.each([
  ["another format", writeSafetensors(new Map(), { format: "pt" })],
  ["no file of tensors", new Uint8Array(20)],
  ["other facts", writeSafetensors(new Map(), { format: "trimtab.fisher/1", about: "{}" })],
  ["facts that are no JSON", writeSafetensors(new Map(), { format: "trimtab.fisher/1", about: "{" })],
])("refuses %s", (_, bytes) => {
  expect(() => decodeFisher(bytes)).toThrow(expect.objectContaining({ code: "corrupt_blob" }));
});

it("has a name for every list of texts", async () => {
  const name = await fisherName("abc");
  expect(name).toMatch(/^fisher\.[0-9a-f]{32}\.safetensors$/);
  expect(await fisherName("abd")).not.toBe(name);
});
