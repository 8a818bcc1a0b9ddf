/**
 * What a reply may be when tools are there, as rules for decoding: the calls in the template's syntax, their arguments by the
 * tools' schemas.
 */
import type { CallPart, CallSyntax } from "../model/calls/syntax.ts";
import type { Tokenizer } from "../model/tokenizer.ts";
import type { RuleSpec } from "../rules/spec.ts";

export interface CallableTool {
  readonly name: string;
  /** JSON Schema of the arguments. */
  readonly parameters: unknown;
  /** Whether the schema keeps to OpenAI's subset. */
  readonly strict?: boolean;
}

export interface CallChoice {
  /** The tools that may be called, at least one. */
  readonly tools: readonly CallableTool[];
  /** Whether a call must come. */
  readonly required: boolean;
  /** Whether there may be several. */
  readonly parallel: boolean;
}

/**
 * The rule for a whole reply. Where a call need not come, any text may, up to the words with which a call begins: from these on,
 * the rest of a call has to follow.
 */
export function callRule(syntax: CallSyntax, choice: CallChoice, tokenizer: Tokenizer): RuleSpec {
  const literal = (text: string) => literalRules(text, tokenizer);
  const calls = callsRules(syntax, choice, literal);
  const { open, preamble, thoughtEnd, afterText } = syntax;
  const begun = [...literal(open), ...calls];
  if (choice.required && thoughtEnd === undefined) {
    const beginnings = [begun, ...(preamble === "" ? [] : [[...literal(preamble), ...begun]])];
    return oneOf(beginnings.map(inOrder));
  }
  if (choice.required) {
    // The thought is free; what the template writes after its end is not.
    const at = preamble.indexOf(thoughtEnd!);
    const between = at < 0 ? "" : preamble.slice(at + thoughtEnd!.length);
    return inOrder([...upTo(literal(thoughtEnd!)), ...literal(between), ...begun]);
  }
  if (afterText === undefined) return { anyOf: [inOrder(begun), { regex: notBeginningWith(open) }] };
  const rest = afterText.open.slice(afterText.trigger.length);
  const trigger = literal(afterText.trigger);
  const [text] = upTo(trigger);
  const called = inOrder([...trigger, ...literal(rest), ...calls]);
  return inOrder([withControls(text!, literal(preamble)), { repeat: called, least: 0, most: 1 }]);
}

/** Free text, and then what ends it. */
function upTo(end: readonly RuleSpec[]): RuleSpec[] {
  const [first] = end;
  return [{ free: first !== undefined && "text" in first ? { without: [first.text] } : {} }, ...end];
}

/** Free text in which the control tokens of a thought may stand. */
function withControls(text: RuleSpec, thought: readonly RuleSpec[]): RuleSpec {
  const controls = thought.filter((rule) => "control" in rule);
  return controls.length === 0 ? text : { repeat: { anyOf: [text, ...controls] }, least: 0 };
}

/** A regular expression for every text but those that begin so. */
function notBeginningWith(literal: string): string {
  const characters = [...literal];
  const beginnings = characters.map((_, length) => characters.slice(0, length).map(escaped).join(""));
  const others = beginnings.map((before, index) => `${before}[^${escaped(characters[index]!)}][\\s\\S]*`);
  return [...beginnings, ...others].map((one) => `(?:${one})`).join("|");
}

function escaped(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
}

/** From the first slot of the first call to the end of the last. */
function callsRules(
  { call, between, close }: CallSyntax,
  { tools, parallel }: CallChoice,
  literal: (text: string) => RuleSpec[],
): RuleSpec[] {
  const one = oneOf(tools.map((tool) => inOrder(call.flatMap((part) => partRules(part, tool, literal)))));
  const more: RuleSpec[] =
    !parallel || between === undefined ? [] : [{ repeat: inOrder([...literal(between), one]), least: 0 }];
  return [one, ...more, ...literal(close)];
}

const ANY_ID = "[a-zA-Z0-9_-]{1,40}";
const SHORT_ID = "[a-zA-Z0-9]{9}";

function partRules(
  part: CallPart,
  { name, parameters, strict = false }: CallableTool,
  literal: (text: string) => RuleSpec[],
): RuleSpec[] {
  if ("text" in part) return literal(part.text);
  if (part.slot === "id") return [{ regex: part.isShort ? SHORT_ID : ANY_ID }];
  return [part.slot === "name" ? { text: name } : { json_schema: parameters, ...(strict ? { strict } : {}) }];
}

/** A text of the template: its control tokens as such. */
function literalRules(text: string, tokenizer: Tokenizer): RuleSpec[] {
  return tokenizer.splitControl(text).flatMap((piece): RuleSpec[] => {
    if (piece.id !== undefined) return [{ control: piece.text }];
    return piece.text === "" ? [] : [{ text: piece.text }];
  });
}

function inOrder(rules: readonly RuleSpec[]): RuleSpec {
  const merged: RuleSpec[] = [];
  for (const rule of rules.flatMap((one) => ("sequence" in one ? one.sequence : [one]))) {
    const last = merged.at(-1);
    if (last !== undefined && "text" in last && "text" in rule)
      merged[merged.length - 1] = { text: last.text + rule.text };
    else merged.push(rule);
  }
  return merged.length === 1 ? merged[0]! : { sequence: merged };
}

function oneOf(rules: readonly RuleSpec[]): RuleSpec {
  return rules.length === 1 ? rules[0]! : { anyOf: rules };
}
