import type { PromptScore } from "../../../../shared/decode/events.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import type { ChooseItem } from "../../../../shared/evaluation/suites/suite.ts";
import type { GoodEvent } from "../../../asking/generation.ts";
import type { ItemResult } from "./item-rows.ts";
import { EMPTY_SAMPLE, type ItemModels, type ItemToMeasure } from "./item-to-measure.ts";
import type { AskedModel } from "./run-record.ts";
import { CHOICE } from "./run-rows.ts";

/** Compares how likely an item's choices are behind its prompt. */
export async function chosen(
  { item, model }: ItemToMeasure,
  begin: ItemModels["begin"],
  asked: AskedModel,
): Promise<ItemResult> {
  const { prompt, choices, answer } = item as unknown as ChooseItem;
  const begun = await begin(asked, {
    prompt: { kind: "text", prompts: choices.map((choice) => prompt + choice) },
    sampling: { settings: {}, seed: 0, maxTokens: 0, stop: [], n: 1, topLogprobs: null },
    ofPrompts: { text: false, top: 0 },
  });
  const { scores, usage } = await promptScores(begun.events, choices.length);
  const logprobs = choices.map((choice, index) => logprobOfEnd(scores[index]!, choice));
  const best = logprobs.indexOf(Math.max(...logprobs));
  const passed = best === answer;
  const result = { name: CHOICE, type: "choose", score: passed ? 1 : 0, passed, sample: null, logprobs };
  const output = [{ role: "assistant", content: choices[best] ?? "" }];
  const sample = { ...EMPTY_SAMPLE, input: [{ role: "user", content: prompt }], output, model, usage };
  return { status: passed ? "pass" : "fail", results: [result], criteria: [0], sample, usage: [[model, usage]] };
}

async function promptScores(events: AsyncIterable<GoodEvent>, count: number) {
  const scores = Array.from({ length: count }, (): PromptScore[] => []);
  let usage = { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0, total_tokens: 0 };
  for await (const event of events) {
    if (event.type === "prompt") for (const choice of event.choices) scores[choice]!.push(...(event.scores ?? []));
    else if (event.type === "usage") {
      const { promptTokens, completionTokens, cachedTokens } = event;
      usage = {
        prompt_tokens: promptTokens,
        completion_tokens: completionTokens,
        cached_tokens: cachedTokens,
        total_tokens: promptTokens + completionTokens,
      };
    }
  }
  return { scores, usage };
}

/**
 * Σ log p of the tokens that a text ends with. A token that reaches into the text before is among them: it is how the model
 * writes the end behind that text. Nothing is known of a first token, which has nothing before it.
 */
export function logprobOfEnd(scores: readonly PromptScore[], end: string): number {
  let left = new TextEncoder().encode(end).byteLength;
  let sum = 0;
  for (const { bytes, logprob } of scores.toReversed()) {
    if (left <= 0) return sum;
    left -= bytes.length;
    sum += logprob ?? 0;
  }
  if (left <= 0) return sum;
  throw new TrimtabError("internal_error", "The scores of a text's tokens are incomplete.");
}
