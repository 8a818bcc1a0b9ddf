import { expect, it } from "vitest";
import { servedRank } from "../../../edge/objects/served-rank.ts";
import { planMemory } from "../../../edge/runtime/memory-plan.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { TINY_CONFIG } from "../support/tiny-base.ts";

const MIB = 1024 * 1024;

it("is the bank's, and so falls with the heap", () => {
  const config = parseModelConfig(TINY_CONFIG);
  for (const heap of [96 * MIB, 20 * MIB]) expect(servedRank(config, heap)).toBe(planMemory(config, heap).bankRank);
  expect(servedRank(config, 96 * MIB)).toBe(128);
  expect(() => servedRank(config, MIB)).toThrow(expect.objectContaining({ code: "capacity_exceeded" }));
});
