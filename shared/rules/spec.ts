/** What a text must be. Rules are made of these by requests, and by the parts of the API that constrain replies. */

export type RuleSpec =
  /** A JSON document that is valid under the schema. `strict` asks for OpenAI's subset and caps as well. */
  | { readonly json_schema: unknown; readonly strict?: boolean }
  /** Any JSON object. */
  | { readonly json_object: true }
  /** A text that matches as a whole. JavaScript's syntax with the flag `u`, without what looks around or needs memory. */
  | { readonly regex: string }
  /** One of these texts. */
  | { readonly choice: readonly string[] }
  /** A context-free grammar in GBNF: see `parseGrammar`. */
  | { readonly grammar: string }
  /** This text. */
  | { readonly text: string }
  /** Any text in which none of the phrases occurs. */
  | { readonly free: { readonly without?: readonly string[] } }
  /** This control token of the tokenizer, by its text. No other spec allows any. */
  | { readonly control: string }
  | { readonly sequence: readonly RuleSpec[] }
  | { readonly anyOf: readonly RuleSpec[] }
  | { readonly repeat: RuleSpec; readonly least: number; readonly most?: number };

/** What must and must not occur in a text, whatever its tokens are. */
export interface RulePhrases {
  readonly banned?: readonly string[];
  readonly required?: readonly string[];
}
