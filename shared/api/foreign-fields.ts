/**
 * Fields of other servers that speak OpenAI's protocol, which their clients send with every request. A value that asks for
 * nothing is accepted and changes nothing; any other is refused by name.
 */
import { z } from "zod";
import { notSupported } from "./parse.ts";

/** A row of a table. `jsonBody` has removed every null, so null asks for nothing in all of them. */
export interface ForeignField {
  /** The values that ask for nothing. */
  readonly neutral: readonly unknown[];
  /** What any other value asks for: "is not supported by this server, which cannot …". */
  readonly cannot: string;
}

type Table = Readonly<Record<string, ForeignField>>;

const constrain = "make a text follow a grammar or a schema";
const beams = "search with beams";
const mirostat = "aim at a perplexity";
const dry = "make repeated sequences less likely";
const template = "let a request change the chat template";

/** Of every route that generates. */
const SHARED_FIELDS = {
  // Searching for a text
  num_beams: { neutral: [1], cannot: beams },
  use_beam_search: { neutral: [false], cannot: beams },
  length_penalty: { neutral: [1], cannot: beams },
  early_stopping: { neutral: [false], cannot: beams },
  penalty_alpha: { neutral: [0], cannot: "search contrastively" },
  // Drawing a token
  do_sample: { neutral: [true], cannot: "turn sampling off by this name; `temperature` 0 does" },
  typical_p: { neutral: [1], cannot: "keep the most typical tokens" },
  tfs_z: { neutral: [1], cannot: "cut the tail of a distribution by its curvature" },
  top_a: { neutral: [0], cannot: "cut tokens by the square of the likeliest one's probability" },
  top_n_sigma: { neutral: [-1, 0], cannot: "cut tokens by their distance from the best logit" },
  epsilon_cutoff: { neutral: [0], cannot: "cut tokens below a fixed probability" },
  eta_cutoff: { neutral: [0], cannot: "cut tokens below a probability that depends on entropy" },
  dynatemp_range: { neutral: [0], cannot: "change the temperature with the entropy" },
  dynatemp_exponent: { neutral: [1], cannot: "change the temperature with the entropy" },
  smoothing_factor: { neutral: [0], cannot: "smooth a distribution quadratically" },
  xtc_probability: { neutral: [0], cannot: "leave out the likeliest tokens" },
  xtc_threshold: { neutral: [0.1], cannot: "leave out the likeliest tokens" },
  mirostat: { neutral: [0], cannot: mirostat },
  mirostat_mode: { neutral: [0], cannot: mirostat },
  mirostat_tau: { neutral: [5], cannot: mirostat },
  mirostat_eta: { neutral: [0.1], cannot: mirostat },
  samplers: { neutral: [[]], cannot: "change the order of the processors" },
  min_keep: { neutral: [0], cannot: "keep a number of tokens against top_p and min_p" },
  // Repetition
  repeat_penalty: { neutral: [1], cannot: "take a penalty by this name; `repetition_penalty` is" },
  repeat_last_n: { neutral: [-1], cannot: "limit how far back a penalty looks" },
  encoder_repetition_penalty: { neutral: [1], cannot: "penalise tokens that the prompt lacks" },
  no_repeat_ngram_size: { neutral: [0], cannot: "rule out repeated sequences" },
  penalize_nl: { neutral: [false], cannot: "treat newlines on their own; penalties count every token" },
  dry_multiplier: { neutral: [0], cannot: dry },
  dry_base: { neutral: [1.75], cannot: dry },
  dry_allowed_length: { neutral: [2], cannot: dry },
  dry_penalty_last_n: { neutral: [-1], cannot: dry },
  // Which tokens may come
  bad_words: { neutral: [[]], cannot: "rule out words; `logit_bias` rules out tokens" },
  allowed_token_ids: { neutral: [], cannot: "allow a list of tokens alone" },
  logits_processors: { neutral: [[]], cannot: "run a client's code" },
  guided_json: { neutral: [], cannot: constrain },
  guided_regex: { neutral: [], cannot: constrain },
  guided_choice: { neutral: [], cannot: constrain },
  guided_grammar: { neutral: [], cannot: constrain },
  guided_json_object: { neutral: [false], cannot: constrain },
  guided_decoding_backend: { neutral: [], cannot: constrain },
  guided_whitespace_pattern: { neutral: [], cannot: constrain },
  structured_outputs: { neutral: [{}], cannot: constrain },
  grammar: { neutral: [""], cannot: constrain },
  json_schema: { neutral: [], cannot: constrain },
  regex: { neutral: [], cannot: constrain },
  ebnf: { neutral: [], cannot: constrain },
  // Where a text ends, and what of it is shown
  stop_token_ids: { neutral: [[]], cannot: "stop at tokens; `stop` takes their text" },
  include_stop_str_in_output: { neutral: [false], cannot: "show a stop sequence" },
  no_stop_trim: { neutral: [false], cannot: "show a stop sequence" },
  skip_special_tokens: { neutral: [true], cannot: "show control tokens" },
  spaces_between_special_tokens: { neutral: [true], cannot: "join control tokens, which it never shows" },
  return_token_ids: { neutral: [false], cannot: "report token ids" },
  return_tokens_as_token_ids: { neutral: [false], cannot: "report token ids" },
  return_hidden_states: { neutral: [false], cannot: "report hidden states" },
  decoder_input_details: { neutral: [false], cannot: "score the prompt's tokens" },
  details: { neutral: [false], cannot: "report details in another form than `logprobs`" },
  n_probs: { neutral: [0], cannot: "report probabilities by this name; `logprobs` does" },
  timings_per_token: { neutral: [false], cannot: "report times" },
  truncate_prompt_tokens: { neutral: [], cannot: "cut a prompt" },
  truncate: { neutral: [], cannot: "cut a prompt" },
  n_keep: { neutral: [0], cannot: "cut a prompt" },
  n_predict: { neutral: [-1], cannot: "take a limit by this name; `max_tokens` is" },
  watermark: { neutral: [false], cannot: "mark a text" },
  // The server itself
  priority: { neutral: [0], cannot: "serve one request before another" },
  cache_prompt: { neutral: [true], cannot: "compute a known prompt again" },
  cache_salt: { neutral: [], cannot: "split its cache further than by tenant" },
  id_slot: { neutral: [-1], cannot: "let a request choose its place in the batch" },
  adapter_id: { neutral: [], cannot: "take an adapter by this name; `model` and `deltas` do" },
  lora: { neutral: [[]], cannot: "take an adapter by this name; `model` and `deltas` do" },
  kv_transfer_params: { neutral: [], cannot: "take a cache from elsewhere" },
  safe_prompt: { neutral: [false], cannot: "add a prompt of its own" },
  provider: { neutral: [{}], cannot: "choose among providers" },
  transforms: { neutral: [[]], cannot: "shorten a conversation" },
  plugins: { neutral: [[]], cannot: "run plugins" },
  extra_body: { neutral: [{}], cannot: "unpack fields from it; send them beside the others" },
} as const satisfies Table;

/** Of chats and responses alone. */
const CHAT_FIELDS = {
  best_of: { neutral: [1], cannot: "choose the best of several texts" },
  add_generation_prompt: { neutral: [true], cannot: "leave an answer's opening out" },
  continue_final_message: { neutral: [false], cannot: "continue a message; /v1/completions continues any text" },
  add_special_tokens: { neutral: [false], cannot: "add tokens to those of the chat template" },
  echo: { neutral: [false], cannot: "repeat the prompt" },
  chat_template: { neutral: [], cannot: template },
  chat_template_kwargs: { neutral: [{}], cannot: template },
  documents: { neutral: [[]], cannot: "show documents beside the messages" },
  mm_processor_kwargs: { neutral: [{}], cannot: "read images or sound" },
  include_reasoning: { neutral: [true], cannot: "take reasoning out of a reply" },
  separate_reasoning: { neutral: [false], cannot: "take reasoning out of a reply" },
  reasoning_format: { neutral: ["none"], cannot: "take reasoning out of a reply" },
  thinking: { neutral: [{ type: "disabled" }], cannot: "ask a model to reason" },
  tool_prompt: { neutral: [], cannot: "call tools" },
} as const satisfies Table;

/** Of completions alone, whose prompts get the tokens that the model's tokenizer adds to every text. */
const COMPLETION_FIELDS = {
  add_special_tokens: { neutral: [true], cannot: "leave out the tokens that begin a text; send token ids instead" },
  return_full_text: { neutral: [false], cannot: "repeat the prompt" },
} as const satisfies Table;

/** Of responses alone, where OpenAI's own chat fields with these values come from clients that send all they know. */
const RESPONSE_FIELDS = {
  prompt_logprobs: { neutral: [], cannot: "score the prompt's tokens here; /v1/chat/completions does" },
  n: { neutral: [1], cannot: "give several answers here; /v1/chat/completions does" },
  stop: { neutral: [[], ""], cannot: "stop at a sequence here; /v1/chat/completions does" },
  logprobs: { neutral: [false], cannot: "take it by this name; `include` asks for log-probabilities" },
  logit_bias: { neutral: [{}], cannot: "bias tokens here; /v1/chat/completions does" },
  presence_penalty: { neutral: [0], cannot: "take it here; /v1/chat/completions does" },
  frequency_penalty: { neutral: [0], cannot: "take it here; /v1/chat/completions does" },
} as const satisfies Table;

/** The rows of each API. */
export const FOREIGN_FIELDS = {
  chat: { ...SHARED_FIELDS, ...CHAT_FIELDS },
  completion: { ...SHARED_FIELDS, ...COMPLETION_FIELDS },
  response: { ...SHARED_FIELDS, ...CHAT_FIELDS, ...RESPONSE_FIELDS },
} as const satisfies Readonly<Record<string, Table>>;

/** The schemas of a table's fields. */
export function foreignFields<T extends Table>(table: T) {
  const schemas = Object.entries(table).map(([name, field]) => [name, foreign(field)] as const);
  return Object.fromEntries(schemas) as { readonly [Name in keyof T]: z.ZodOptional<z.ZodUnknown> };
}

function foreign({ neutral, cannot }: ForeignField) {
  const values = neutral.map((value) => JSON.stringify(value));
  const error = notSupported(values.length === 0 ? undefined : values.join(" or "), cannot);
  if (neutral.length === 0) return z.null({ error }).optional();
  return z
    .unknown()
    .refine((value) => value === undefined || values.includes(JSON.stringify(value)), { error })
    .meta({ enum: [...neutral] })
    .optional();
}
