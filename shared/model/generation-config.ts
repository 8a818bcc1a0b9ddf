import { between, isObject, JsonFields, positive, shown, wholeNumber } from "./json-fields.ts";
import { type ModelProblem, throwProblems } from "./problems.ts";

/** How to sample a model where the request does not say. Fields that the model's folder does not mention are absent. */
export interface GenerationDefaults {
  readonly sampling: {
    /** 0 for `do_sample: false`. */
    readonly temperature?: number;
    readonly topP?: number;
    readonly topK?: number;
    readonly minP?: number;
    readonly repetitionPenalty?: number;
  };
  readonly maxNewTokens?: number;
  /** Tokens that end a text, besides those of the tokenizer. */
  readonly endTokens: readonly number[];
}

/** The parsed files of a model; `generation` is undefined for a folder without generation_config.json. */
export interface GenerationFiles {
  readonly generation: unknown;
  readonly config: unknown;
  readonly vocabSize: number;
}

const FILE = "generation_config.json";

/**
 * Reads `generation_config.json`. Other sampling settings than these are ignored. The end tokens of config.json count if
 * generation_config.json has none, as in transformers. Throws `invalid_model` with every problem, each with its field.
 */
export function readGenerationConfig({ generation, config, vocabSize }: GenerationFiles): GenerationDefaults {
  const problems: ModelProblem[] = [];
  if (generation !== undefined && !isObject(generation)) {
    throwProblems([{ file: FILE, field: "", reason: "must be a JSON object" }]);
  }
  const file = new JsonFields(isObject(generation) ? generation : {}, { file: FILE, problems });
  const sampling = {
    temperature: file.number("temperature", { must: "a number of at least 0", holds: (value) => value >= 0 }),
    topP: file.number("top_p", { must: "a number above 0, and at most 1", holds: (value) => value > 0 && value <= 1 }),
    topK: file.number("top_k", wholeNumber(0, 1_000_000)),
    minP: file.number("min_p", between(0, 1)),
    repetitionPenalty: file.number("repetition_penalty", positive()),
  };
  if (file.boolean("do_sample") === false) sampling.temperature = 0;
  const maxNewTokens = file.number("max_new_tokens", wholeNumber(1, 10_000_000));
  const model = new JsonFields(isObject(config) ? config : {}, { file: "config.json", problems });
  const endTokens = readEndTokens(file.has("eos_token_id") ? file : model, vocabSize);
  throwProblems(problems);
  const stated = Object.entries(sampling).filter(([, value]) => value !== undefined);
  return {
    sampling: Object.fromEntries(stated),
    ...(maxNewTokens === undefined ? {} : { maxNewTokens }),
    endTokens,
  };
}

function readEndTokens(file: JsonFields, vocabSize: number): number[] {
  const ids = [file.value("eos_token_id") ?? []].flat();
  const token = wholeNumber(0, vocabSize - 1);
  const wrong = ids.find((id) => typeof id !== "number" || !token.holds(id));
  if (wrong === undefined) return ids as number[];
  file.refuse(
    "eos_token_id",
    `must be one token or a list of tokens, each ${token.must} (vocab_size is ${vocabSize} in config.json), got ${shown(wrong)}`,
  );
  return [];
}
