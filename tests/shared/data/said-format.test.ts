import { expect, test } from "vitest";
import { FORMAT_NAMES, saidFormat } from "../../../shared/data/said-format.ts";

test("names line formats and other kinds of datasets", () => {
  expect(saidFormat("alpaca")).toEqual({ name: "alpaca", kind: "examples", format: "alpaca" });
  expect(saidFormat("preference_pairs")).toEqual({ name: "preference_pairs", kind: "preference_pairs" });
  expect(new Set(FORMAT_NAMES).size).toBe(FORMAT_NAMES.length);
  for (const name of FORMAT_NAMES) expect(saidFormat(name).name).toBe(name);
});

test("lists the names that it knows, and none that nothing can be learned from", () => {
  expect(() => saidFormat("Alpaca")).toThrow(
    expect.objectContaining({ code: "invalid_request", param: "format", message: expect.stringMatching(/chat, lima/) }),
  );
  for (const name of ["examples", "openassistant_message", "preference_pair", "x".repeat(99)]) {
    expect(() => saidFormat(name)).toThrow(/must be one of/);
  }
});
