import { TrimtabError } from "../../errors.ts";
import type { Value } from "../../graph/graph.ts";
import type { ModelRewrite } from "../../model/rewrite.ts";
import { createRandom } from "../../random.ts";
import { f32, type Tensor, zeros } from "../../tensor.ts";
import type {
  AttachedMethod,
  AttachOptions,
  Gate,
  MethodPlan,
  Parameter,
  PlanOptions,
  RewriteContext,
} from "../method.ts";
import { requireRoom, tokensOf } from "../virtual-tokens.ts";
import { ENCODER, encoderGraph, encoderParameters, firstEncoder } from "./encoder.ts";
import { flattened, flatWidth, keyWidth, PREFIX } from "./flat-prefix.ts";
import type { PrefixSettings } from "./settings.ts";
import { statesOfText } from "./states-of-text.ts";

/** 2·L·K·P numbers for each of n positions; with a network, its weights and n·K·P numbers instead. */
export function planPrefix(options: PlanOptions<PrefixSettings>): MethodPlan {
  const { config, settings, param } = options;
  const { num_virtual_tokens: count, prefix_projection: projects } = settings;
  requireRoom(config, count, `${param}.num_virtual_tokens`);
  rejectContradictions(settings, param);
  const flat: Parameter = { name: PREFIX, shape: [count, flatWidth(config)], decay: true };
  return {
    parameters: projects ? encoderParameters(config, settings) : [flat],
    serving: { rank: 0, vectors: 0, columns: 0, positions: count },
    claims: ["prefix"],
    published: count * flatWidth(config),
  };
}

/** One gate for each layer, on its keys and values together (Mao et al. 2022). */
export function prefixGates({ config, settings }: PlanOptions<PrefixSettings>): Gate[] {
  const parameters = settings.prefix_projection ? Object.values(ENCODER.second) : [PREFIX];
  return [{ name: "prefix", parameters, parts: config.layers }];
}

/**
 * n trainable keys and values before those of the text in every layer (Li & Liang, "Prefix-Tuning: Optimizing Continuous
 * Prompts for Generation", 2021). They get no bias or rotation, and the text starts at position n. No initial values equal
 * the base: even a key of zeros takes a share of the attention.
 *
 * They start as noise of variance 1, as zeros, or as the base's keys and values for a text. The latter corresponds to peft's
 * `initialize_kv_prefix_from_text`, which wraps the text in the chat template; here it is used as it is.
 */
export function attachPrefix(options: AttachOptions<PrefixSettings>): AttachedMethod {
  const { settings, seed } = options;
  const { parameters } = planPrefix(options);
  return {
    parameters,
    initial: settings.prefix_projection
      ? firstEncoder(parameters, settings, seed)
      : new Map([[PREFIX, firstPrefix(options)]]),
    startsAsBase: false,
    rewrite: (context) => prefixLayers(context, settings),
    randomInputs: () => [],
    prefixTokens: settings.num_virtual_tokens,
  };
}

function firstPrefix(options: AttachOptions<PrefixSettings>): Tensor<"f32"> {
  const { config, settings, weights, seed, param } = options;
  const { num_virtual_tokens: count, init_weights: init, init_text: text } = settings;
  const shape = [count, flatWidth(config)];
  if (text !== undefined) {
    const ids = tokensOf(text, options, `${param}.init_text`);
    if (ids.length < count) {
      throw new TrimtabError(
        "invalid_request",
        `\`${param}.init_text\` has ${ids.length} tokens, but the prefix needs ${count}; send a longer text, or lower \`num_virtual_tokens\`.`,
        { param: `${param}.init_text`, data: { tokens: ids.length } },
      );
    }
    return flattened(config, statesOfText(config, weights, ids.slice(0, count)));
  }
  if (init === "zero") return zeros(shape);
  const random = createRandom(seed, "init", "prefix", PREFIX);
  return f32(
    shape,
    zeros(shape).data.map(() => random.normal()),
  );
}

function rejectContradictions(settings: PrefixSettings, param: string): void {
  const refuse = (field: keyof PrefixSettings, problem: string) =>
    new TrimtabError("invalid_request", `\`${param}.${field}\` ${problem}`, { param: `${param}.${field}` });
  const { prefix_projection: projects, encoder_hidden_size: hidden, init_weights: init, init_text: text } = settings;
  if (hidden !== undefined && !projects) {
    throw refuse("encoder_hidden_size", "has no effect without `prefix_projection`. Remove it, or set both.");
  }
  if (text !== undefined && projects) {
    throw refuse(
      "init_text",
      "cannot be combined with `prefix_projection`, because a network cannot start from a text. Remove one of them.",
    );
  }
  if (text !== undefined && init !== undefined) {
    throw refuse(
      "init_text",
      "cannot be combined with `init_weights`, because both set the initial prefix. Remove one of them.",
    );
  }
}

function prefixLayers({ b, config, parameter }: RewriteContext, settings: PrefixSettings): ModelRewrite {
  const width = keyWidth(config);
  let flat: Value | undefined;
  const part = (at: number) => {
    flat ??= settings.prefix_projection ? encoderGraph(b, parameter) : parameter(PREFIX);
    return b.slice(flat, 1, at * width, (at + 1) * width);
  };
  return { prefix: (layer) => ({ key: part(2 * layer), value: part(2 * layer + 1) }) };
}
