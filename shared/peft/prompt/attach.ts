import { TrimtabError } from "../../errors.ts";
import { EMBEDDING } from "../../model/modules.ts";
import type { ModelRewrite } from "../../model/rewrite.ts";
import { createRandom } from "../../random.ts";
import { f32, type Tensor } from "../../tensor.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, PlanOptions, RewriteContext } from "../method.ts";
import { requireRoom, tokensOf } from "../virtual-tokens.ts";
import type { PromptSettings } from "./settings.ts";

/** The name of the prompt [n, D], the same as in peft's files. */
export const PROMPT = "prompt_embeddings";

/** n·D numbers. */
export function planPrompt({ config, settings, param }: PlanOptions<PromptSettings>): MethodPlan {
  const { num_virtual_tokens: count, prompt_tuning_init: init, prompt_tuning_init_text: text } = settings;
  requireRoom(config, count, `${param}.num_virtual_tokens`);
  if ((init === "TEXT") !== (text !== undefined)) {
    const [problem, remedy] =
      text === undefined ? ["is required", "Send the text to start from."] : ["has no effect", "Remove it."];
    throw new TrimtabError(
      "invalid_request",
      `\`${param}.prompt_tuning_init_text\` ${problem} when \`prompt_tuning_init\` is \`${init}\`. ${remedy}`,
      { param: `${param}.prompt_tuning_init_text` },
    );
  }
  return {
    parameters: [{ name: PROMPT, shape: [count, config.hiddenSize], decay: true }],
    serving: { rank: 0, vectors: 0, columns: 0, positions: count },
    claims: ["virtual tokens"],
  };
}

/**
 * n trainable embeddings before the text (Lester et al., "The Power of Scale for Parameter-Efficient Prompt Tuning", 2021).
 * They take the first positions of every example, where the data has placeholders, and the last of them predicts the first
 * token of the text.
 *
 * They start as the embeddings of random tokens, as those of a text cut or repeated to n tokens, or as noise of variance 1.
 * Noise is peft's default, but it is far from anything that the model has seen.
 */
export function attachPrompt(options: AttachOptions<PromptSettings>): AttachedMethod {
  const { parameters } = planPrompt(options);
  const { num_virtual_tokens: count } = options.settings;
  return {
    parameters,
    initial: new Map([[PROMPT, firstPrompt(options)]]),
    startsAsBase: false,
    rewrite: (context) => embedPrompt(context, count),
    randomInputs: () => [],
    virtualTokens: count,
  };
}

function firstPrompt(options: AttachOptions<PromptSettings>): Tensor<"f32"> {
  const { config, settings, weights, seed, param } = options;
  const { num_virtual_tokens: count, prompt_tuning_init: init, prompt_tuning_init_text: text } = settings;
  const { hiddenSize: width, vocabSize } = config;
  const random = createRandom(seed, "init", PROMPT);
  if (init === "RANDOM") {
    return f32(
      [count, width],
      Float32Array.from({ length: count * width }, () => random.normal()),
    );
  }
  const ids = text === undefined ? [] : tokensOf(text, options, `${param}.prompt_tuning_init_text`);
  const table = weights.get(EMBEDDING)!.data;
  const prompt = new Float32Array(count * width);
  for (let at = 0; at < count; at++) {
    const id = ids.length === 0 ? random.below(vocabSize) : ids[at % ids.length]!;
    prompt.set(table.subarray(id * width, (id + 1) * width), at * width);
  }
  return f32([count, width], prompt);
}

/** Replaces the embeddings of the first `count` positions of every example. */
function embedPrompt({ b, parameter, positions }: RewriteContext, count: number): ModelRewrite {
  return {
    embed: ({ y }) => {
      const isVirtual = b.reshape(b.greater(count, positions), [...positions.shape, 1]);
      return b.where(isVirtual, b.gather(parameter(PROMPT), b.min(positions, count - 1)), y);
    },
  };
}
