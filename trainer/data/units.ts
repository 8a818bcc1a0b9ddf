import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";

/** One example as ids: labels[t] is ids[t] where the model should learn to produce it, −100 elsewhere (not shifted). */
export interface TokenizedExample {
  readonly ids: Int32Array;
  readonly labels: Int32Array;
}

/**
 * What a column's numbers belong to: every token (as labels do: the number beside ids[t] is about producing ids[t]), every
 * example, or the unit as a whole.
 */
export type ColumnKind = "token" | "example" | "unit";

/** The form of an objective's units. */
export interface UnitForm {
  /** K, the most examples that a unit has: 1 for a line of text, 2 for a pair, K for a ranking or a group of samples. */
  readonly examples: number;
  /** Numbers that its graph reads beside the tokens, by name. */
  readonly columns?: Readonly<Record<string, ColumnKind>>;
  /**
   * The examples of a unit may be laid out behind the prompt that they share; see shared-prompts.ts. Token columns must be 0 for
   * tokens that are not trained. With `lora_dropout` the examples then share the prompt's mask, which suits losses that compare them:
   * their difference is not of the masks.
   */
  readonly sharesPrompt?: boolean;
}

export interface UnitExample extends TokenizedExample {
  /** One number for each `example` column, one for each id for a `token` column. */
  readonly columns?: Readonly<Record<string, number | Float32Array>>;
}

/**
 * The smallest whole that is trained on: a line, a pair, a ranking, a rollout. Its examples are in the same
 * micro-batch, so that a loss can compare them.
 */
export interface Unit {
  readonly examples: readonly UnitExample[];
  /** One number for each `unit` column. */
  readonly columns?: Readonly<Record<string, number>>;
}

export function unitsOf(examples: readonly UnitExample[]): Unit[] {
  return examples.map((example) => ({ examples: [example] }));
}

/**
 * The place of the token that ends an example: the last one that is trained. Templates write a line break after a turn's end, which
 * no served reply has. Without any trained token it is the last one.
 */
export function endOf({ ids, labels }: TokenizedExample): number {
  const end = labels.findLastIndex((label) => label !== IGNORED_LABEL);
  return end < 0 ? ids.length - 1 : end;
}

/** The lengths of a unit's examples, in tokens. */
export function lengthsOf({ examples }: Unit): number[] {
  return examples.map(({ ids }) => ids.length);
}

export function tokensOf(units: Iterable<Unit>): number {
  let tokens = 0;
  for (const { examples } of units) for (const { ids } of examples) tokens += ids.length;
  return tokens;
}

export function longestOf(units: Iterable<Unit>): number {
  let longest = 0;
  for (const { examples } of units) for (const { ids } of examples) longest = Math.max(longest, ids.length);
  return longest;
}
