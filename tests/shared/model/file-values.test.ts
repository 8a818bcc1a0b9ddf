import { expect, it } from "vitest";
import { fromF32, parseSafetensors, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { fileValues } from "../../../shared/model/file-values.ts";

it.each(["F32", "F16", "BF16"] as const)("reads some values of a %s tensor, in a file or in memory", (dtype) => {
  const tensor = { dtype, shape: [2, 3], bytes: fromF32(Float32Array.of(1, 2, 3, 4, 5, 6), dtype) };
  const inFile = parseSafetensors(writeSafetensors(new Map([["x", tensor]]))).tensors.get("x")!;
  for (const source of [tensor, inFile]) expect([...fileValues(source, 1, 4)]).toEqual([2, 3, 4]);
});
