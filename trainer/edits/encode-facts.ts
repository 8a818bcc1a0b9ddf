import { subjectPlace } from "../../shared/edits/check-facts.ts";
import type { EditFact } from "../../shared/edits/fact.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { ChatTemplate } from "../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import type { EncodedRow } from "./rows.ts";
import { withLeadingSpace, withoutTrailingSpace } from "./target-text.ts";

export interface EncodeOptions {
  readonly tokenizer: Tokenizer;
  /** Read only for chats; throws `invalid_model` where the model has no template. */
  readonly template: () => ChatTemplate;
  /** `text`: the prompt as it is. `chat`: as a user's turn, which the target answers. */
  readonly format: "text" | "chat";
  /** The model's context, in tokens. */
  readonly maxLength: number;
}

/** A fact of the file, with its line for messages. */
export interface PlacedFact {
  readonly index: number;
  readonly line: number;
  readonly fact: EditFact;
}

/** Turns facts into ids as serving sees them. Every method throws `invalid_dataset`, naming the fact and the field. */
export interface FactEncoder {
  /** `prefixes`: texts before the prompt; one behind which it does not fit is left out, and the bare prompt takes its place. */
  encode(placed: PlacedFact, prefixes: readonly string[]): EncodedFact;
  /** The ids of a prompt up to where its continuation begins. */
  prompt(text: string): number[];
  /** The ids of a continuation behind a prompt; undefined for a text that the vocabulary cannot express. */
  continuation(prompt: string, target: string): number[] | undefined;
  /** What was generated behind a prompt. */
  text(promptIds: readonly number[], ids: readonly number[]): string;
}

export function createFactEncoder(options: EncodeOptions): FactEncoder {
  const { tokenizer, template, format, maxLength } = options;
  const plain = (text: string) => (format === "text" ? withoutTrailingSpace(text) : text);

  function prompt(text: string): number[] {
    if (format === "chat") return template().encodePrompt([{ role: "user", content: text }]);
    return [...tokenizer.prefix, ...tokenizer.encode(plain(text))];
  }

  function continuation(before: string, target: string): number[] | undefined {
    const joined = format === "text" ? withLeadingSpace(plain(before), withoutTrailingSpace(target)) : target.trim();
    const ids = tokenizer.encode(joined, { continues: format === "text" ? "text" : true });
    const promptIds = prompt(before);
    return ids.length > 0 && textAfter(promptIds, ids).trim() === joined.trim() ? ids : undefined;
  }

  function textAfter(promptIds: readonly number[], ids: readonly number[]): string {
    const before = tokenizer.decode(promptIds);
    return tokenizer.decode([...promptIds, ...ids]).slice(before.length);
  }

  function encode(placed: PlacedFact, prefixes: readonly string[]): EncodedFact {
    const { index, fact } = placed;
    const refuse = (field: string, problem: string) => factError(placed, field, problem);
    const target = continuation(fact.prompt, fact.target_new);
    if (target === undefined) {
      throw refuse("target_new", INEXPRESSIBLE);
    }
    const place = subjectPlace(fact.prompt, fact.subject);
    if (typeof place === "string") throw refuse("subject", "must be in the prompt once");
    const row = (prefix: string): EncodedRow => {
      const text = prefix === "" ? fact.prompt : joinedText(prefix, fact.prompt);
      const ids = prompt(text);
      const shown = plain(text).trim();
      const end = shown.length - (plain(fact.prompt).trimEnd().length - place.end);
      const at = lastTokenOf(tokenizer, ids, { text: shown, end });
      if (at === undefined)
        throw refuse("subject", "cannot be found among the prompt's tokens; word it as the model writes it");
      return { ids: Int32Array.from(ids), at };
    };
    const bare = row("");
    if (bare.ids.length + target.length > maxLength) {
      throw refuse("prompt", `has with its target more tokens than the model's context of ${maxLength}`);
    }
    const contexts = [bare];
    for (const prefix of prefixes) {
      const behind = row(prefix);
      contexts.push(behind.ids.length + target.length > maxLength ? bare : behind);
    }
    return { index, fact, contexts, target, subjectAlone: alone(fact.subject, refuse) };
  }

  /** "{subject} is a" up to the subject's last token. What follows it takes no part, but may change how the subject is split. */
  function alone(subject: string, refuse: (field: string, problem: string) => TrimtabError): EncodedRow {
    const shown = subject.trim();
    const ids = prompt(`${shown} is a`);
    const at = lastTokenOf(tokenizer, ids, { text: `${shown} is a`, end: shown.length });
    if (at === undefined)
      throw refuse("subject", "cannot be found among its own tokens; word it as the model writes it");
    return { ids: Int32Array.from(ids.slice(0, at + 1)), at };
  }

  return { encode, prompt, continuation, text: textAfter };
}

export const INEXPRESSIBLE = "has text that the model's vocabulary cannot express; word it otherwise";

/** What is wrong with a field of a fact. */
export function factError({ line, index }: PlacedFact, field: string, problem: string): TrimtabError {
  return new TrimtabError("invalid_dataset", `line ${line}: ${field}: ${problem}`, {
    param: "training_file",
    data: { line, fact: index, field },
  });
}

/** A text before a prompt, as a sentence of its own. */
export function joinedText(prefix: string, prompt: string): string {
  return `${prefix}${/[.!?:\n]$/.test(prefix) ? "" : "."} ${prompt}`;
}

/**
 * The token with the last character before `end` of `text`, which the ids hold once, last: found by decoding, so that it does not
 * matter how a tokenizer splits words or bytes. undefined where the ids do not spell the text.
 */
export function lastTokenOf(
  tokenizer: Pick<Tokenizer, "decode" | "stream">,
  ids: readonly number[],
  { text, end }: { readonly text: string; readonly end: number },
): number | undefined {
  const start = tokenizer.decode(ids).lastIndexOf(text);
  if (start < 0) return undefined;
  const stream = tokenizer.stream();
  let length = 0;
  for (const [index, id] of ids.entries()) {
    length += stream.push(id).length;
    if (length >= start + end) return index;
  }
  // The last character was held back until the end.
  return ids.length - 1;
}
