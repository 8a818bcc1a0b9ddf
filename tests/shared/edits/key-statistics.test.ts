import { expect, it } from "vitest";
import {
  decodeKeyStatistics,
  encodeKeyStatistics,
  type KeyStatistics,
  keyStatisticsName,
} from "../../../shared/edits/key-statistics.ts";
import { writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { matrix } from "../../../shared/linalg/matrix.ts";

const statistics: KeyStatistics = {
  ...{ layer: 3, source: "corpus", tokens: 1000, convergence: [{ tokens: 1000, change: 0.25 }] },
  secondMoment: matrix(2, 2, Float64Array.of(1, 1 / 3, 1 / 3, 2)),
};

it("comes back as it was written, in double precision", () => {
  expect(decodeKeyStatistics(encodeKeyStatistics(statistics))).toEqual(statistics);
});

it("refuses other files", () => {
  const bytes = new Uint8Array(8);
  const tensors = new Map([["second_moment", { dtype: "F64", shape: [1, 1], bytes }]] as const);
  for (const metadata of [
    {},
    { format: "trimtab.key-statistics/1" },
    { format: "trimtab.key-statistics/1", about: "{}" },
    { format: "trimtab.key-statistics/1", about: "{" },
  ]) {
    expect(() => decodeKeyStatistics(writeSafetensors(tensors, metadata))).toThrow("are not of the format");
  }
});

it("is named by its layer, its tokens and its texts", async () => {
  const of = { layer: 1, tokens: 10, texts: "a" };
  const names = [of, { ...of, layer: 2 }, { ...of, tokens: 11 }, { ...of, texts: "b" }].map(keyStatisticsName);
  expect(new Set(await Promise.all(names)).size).toBe(4);
  expect(await keyStatisticsName(of)).toMatch(/^key-statistics\.[0-9a-f]{32}\.safetensors$/);
});
