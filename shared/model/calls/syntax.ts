/**
 * How a chat template writes tool calls: what `deriveCallSyntax` finds out, and what reads and constrains generated calls.
 *
 * Texts are as the template writes them, control tokens in their text form. One reply with two calls is
 *
 *     preamble? · (text · gap)? · open · CALL · between · CALL · close
 *
 * where CALL is `call`: its slots, and the text between them.
 */

/** What a call leaves open. An `id` names the call in some families; it is written by the model and not used further. */
export type Slot = "name" | "arguments" | "id";

export type CallPart =
  | { readonly slot: "name" | "arguments" }
  | { readonly slot: "id"; readonly isShort: boolean }
  | { readonly text: string };

/** The letters and digits of a short id. */
export const SHORT_ID = 9;

export interface CallSyntax {
  /** Everything before the first slot of a reply's first call, where the reply begins with the call. */
  readonly open: string;
  /** A call from its first slot to its last. Always has `name` and `arguments`, which are a JSON object. */
  readonly call: readonly CallPart[];
  /** Between the last slot of a call and the first of the next; undefined where a reply has one call at most. */
  readonly between: string | undefined;
  /** After the last slot of the last call, up to the token that ends the turn. */
  readonly close: string;
  /** How calls follow a text; undefined where a reply is either a text or calls, which then begin it. */
  readonly afterText: CallsAfterText | undefined;
  /** What the template writes before every reply, such as an empty thought; a model may leave it out. */
  readonly preamble: string;
  /** What ends the thought that the prompt for a reply begins; undefined if it begins none. */
  readonly thoughtEnd: string | undefined;
  /** The ids of calls that the template takes in the messages. */
  readonly ids: CallIds;
}

export interface CallsAfterText {
  /** White space that the template puts between the text and the calls. */
  readonly gap: string;
  /** As `open` of the syntax, without the gap. */
  readonly open: string;
  /** The beginning of `open` by which a call is told from text. */
  readonly trigger: string;
}

/** `short`: `SHORT_ID` letters and digits, as Mistral's templates demand. */
export type CallIds = "any" | "short";
