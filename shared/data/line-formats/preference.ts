import type { LineFormat } from "./format.ts";

/**
 * Pairs of a better and a worse answer. Supervised training cannot use them, so they are rejected rather than half
 * used.
 */
function preference(id: string, name: string, keys: readonly [string, string]): LineFormat {
  return {
    id,
    name,
    keys,
    read(columns) {
      throw columns.error(
        keys[0],
        'is half of a preference pair, which a job of type dpo learns from; supervised training learns single answers: keep the better one, as {"messages": […]} or {"prompt", "completion"}',
      );
    },
  };
}

export const PREFERENCES: readonly LineFormat[] = [
  preference("preference_pair", "preference pair", ["chosen", "rejected"]),
  preference("openai_preference_pair", "OpenAI's preference pair", ["preferred_output", "non_preferred_output"]),
];
