import type { DecodeSettings } from "../../shared/decode/registry.ts";
import { Sequence } from "../../shared/decode/sequence.ts";

/** A sequence for rows whose states are wanted, and not their text: nothing ends it before `maxTokens`. */
export function silentSequence(settings: Omit<DecodeSettings, "greedy">, maxTokens: number): Sequence {
  return new Sequence({
    choice: 0,
    settings: { ...settings, greedy: true },
    maxTokens,
    stop: [],
    endTokens: new Set(),
    topLogprobs: null,
    uniform: () => 0,
    decoder: { push: () => "", flush: () => "" },
    describe: () => ({ token: "", bytes: [] }),
  });
}
