import { expect, it } from "vitest";
import { baseArtefactKind } from "../../../../shared/api/base-artefacts/registry.ts";

it.each([
  ["tracing.0123456789abcdef.json", "a causal tracing"],
  ["fisher.0123456789abcdef.safetensors", "Fisher information"],
  ["key-statistics.0123456789abcdef.safetensors", "key statistics"],
])("%s holds %s", (name, holds) => {
  expect(baseArtefactKind(name, "name").holds).toBe(holds);
});

it.each([
  "config.json",
  "tracing.json",
  "key-statistics.safetensors",
  "tracing..json",
  "a/tracing.json",
  "tracing.json.exe",
  "",
])("%j is no name of any", (name) => {
  expect(() => baseArtefactKind(name, "name")).toThrow(
    expect.objectContaining({ code: "invalid_request", param: "name" }),
  );
});
