import type { UsageCounts } from "../../shared/api/generate.ts";

export function usageCounts(used: { promptTokens: number; completionTokens: number }): UsageCounts {
  const { promptTokens, completionTokens } = used;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
