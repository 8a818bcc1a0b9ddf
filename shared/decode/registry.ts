import type { ProcessorKind } from "./processor.ts";
import { bias } from "./processors/bias.ts";
import { follow } from "./processors/follow.ts";
import { minP } from "./processors/min-p.ts";
import { minTokens } from "./processors/min-tokens.ts";
import { nucleus } from "./processors/nucleus.ts";
import { penalties } from "./processors/penalties.ts";
import { repetition } from "./processors/repetition.ts";
import { rules } from "./processors/rules.ts";
import { scorer } from "./processors/scorer.ts";
import { temperature } from "./processors/temperature.ts";
import { topK } from "./processors/top-k.ts";
import { STEERING } from "./steering/registry.ts";

/** The processors of the steering parts, under the parts' names and in their order. */
const ofSteering = Object.fromEntries(Object.entries(STEERING).map(([name, part]) => [name, part.processor])) as {
  readonly [N in keyof typeof STEERING]: (typeof STEERING)[N]["processor"];
};

/**
 * Every processor, in the order of application: first steering, then those for single tokens, then those that shape the whole
 * distribution, then those that cut it. vLLM uses this order, and so does transformers for the processors that it has.
 * A new one is a file in `processors/` and a row here.
 */
export const PROCESSORS = {
  follow,
  ...ofSteering,
  bias,
  repetition,
  penalties,
  minTokens,
  rules,
  scorer,
  temperature,
  topK,
  nucleus,
  minP,
} as const satisfies Readonly<Record<string, ProcessorKind<never>>>;

export type ProcessorName = keyof typeof PROCESSORS;
export type SettingsOf<N extends ProcessorName> =
  (typeof PROCESSORS)[N] extends ProcessorKind<infer Settings> ? Settings : never;

/** How a row's next token is chosen: settings by the name of their processor; absent ones change nothing. */
export type DecodeSettings = { readonly [N in ProcessorName]?: SettingsOf<N> } & {
  /** Take the likeliest token instead of drawing one. */
  readonly greedy: boolean;
  /** The tokens of the text, where they are known and only their scores are wanted. */
  readonly forced?: readonly number[];
};

/** The sampling fields of a request. */
export interface DecodeFields {
  readonly temperature: number;
  readonly topP: number;
  readonly topK?: SettingsOf<"topK">;
  readonly minP?: SettingsOf<"minP">;
  readonly repetitionPenalty?: SettingsOf<"repetition">;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly logitBias?: SettingsOf<"bias">;
  readonly minTokens?: SettingsOf<"minTokens">;
}

/** OpenAI's fields as settings. A temperature of 0 takes the likeliest token, whatever `topP` is. */
export function decodeSettings(fields: DecodeFields): DecodeSettings {
  const { presencePenalty: presence = 0, frequencyPenalty: frequency = 0, logitBias = [] } = fields;
  const ofTokens = {
    ...(logitBias.length === 0 ? {} : { bias: logitBias }),
    ...asked("repetition", fields.repetitionPenalty),
    ...(presence === 0 && frequency === 0 ? {} : { penalties: { presence, frequency } }),
    ...asked("minTokens", fields.minTokens),
  };
  if (fields.temperature === 0 || fields.topP === 0) return { greedy: true, ...ofTokens };
  return {
    greedy: false,
    ...ofTokens,
    temperature: fields.temperature,
    ...asked("topK", fields.topK),
    nucleus: fields.topP,
    ...asked("minP", fields.minP),
  };
}

/** A setting under its processor's name, or nothing if it changes nothing. */
function asked<N extends ProcessorName>(name: N, value: SettingsOf<N> | undefined): DecodeSettingsPart {
  const kind: ProcessorKind<never> = PROCESSORS[name];
  return value === undefined || kind.isNeutral(value as never) ? {} : { [name]: value };
}

type DecodeSettingsPart = Omit<DecodeSettings, "greedy">;
