/** Tools at the Engine: how the base's template writes calls, and what a request's tools come to with it. */
import { callRule } from "../../shared/decode/call-rules.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { markingDecoder, marksOf } from "../../shared/model/calls/marks.ts";
import { CallReader } from "../../shared/model/calls/reader.ts";
import { SHORT_ID } from "../../shared/model/calls/syntax.ts";
import type { StreamDecoder } from "../../shared/model/stream-decoder.ts";
import type { RuleSource } from "./compiled-rules.ts";
import type { EngineMessage, GenerateRequest } from "./protocol.ts";
import type { ServedModel } from "./served-model.ts";

type TurnModel = Pick<ServedModel, "callSyntax">;
type CallModel = Pick<ServedModel, "tokenizer" | "callSyntax">;

/** How replies of a request with tools are made and read. */
export interface ReplyCalls {
  /** What a reply may be, and the schemas in it. */
  readonly rule: RuleSource & { readonly parts: readonly RuleSource[] };
  /** For one reply each: its text with the control tokens of calls, and what tells calls from text in it. */
  readonly create: () => { readonly decoder: StreamDecoder; readonly calls: CallReader };
}

/**
 * undefined for a request without tools. Throws `unsupported_parameter`, naming the model and the reason, where its template
 * does not write calls in a way that can be followed, and `invalid_request` for schemas that cannot be.
 */
export function replyCalls(
  model: CallModel,
  { prompt, format, model: { base } }: GenerateRequest,
): ReplyCalls | undefined {
  const tools = prompt.kind === "chat" ? prompt.tools : undefined;
  if (tools === undefined) return undefined;
  const derived = model.callSyntax();
  if ("problem" in derived) {
    throw new TrimtabError(
      "unsupported_parameter",
      `\`tools\` are not supported by the model ${base.id}: its chat template ${derived.problem}. Remove them, or send \`tool_choice: "none"\`.`,
      { param: "tools" },
    );
  }
  const { syntax } = derived;
  const { tokenizer } = model;
  const marks = marksOf(syntax, tokenizer);
  const callable = tools.functions.filter(({ name }) => tools.callable.includes(name));
  const spec = callRule(
    syntax,
    {
      tools: callable.map(({ name, parameters = NO_ARGUMENTS, strict = false }) => ({ name, parameters, strict })),
      // A reply that is no call has the asked format, and so no text before a call.
      required: tools.required || format !== undefined,
      parallel: tools.parallel,
    },
    tokenizer,
  );
  return {
    rule: {
      spec: format === undefined || tools.required ? spec : { anyOf: [spec, format.spec] },
      param: "tools",
      parts: schemasOf(tools.functions),
    },
    create: () => ({ decoder: markingDecoder(tokenizer, marks), calls: new CallReader(syntax, tokenizer, marks) }),
  };
}

/** Each tool's schema must have some arguments that satisfy it, or the tool could never be called. */
function schemasOf(functions: readonly EngineFunction[]): RuleSource[] {
  return functions.flatMap(({ parameters, strict = false }, index) =>
    parameters === undefined
      ? []
      : [{ spec: { json_schema: parameters, strict }, param: `tools[${index}].function.parameters` }],
  );
}

/** A function without a schema has no arguments. */
const NO_ARGUMENTS = { type: "object", properties: {}, additionalProperties: false };

/** The tools as templates show them. */
export function templateTools(functions: readonly EngineFunction[]): unknown[] {
  return functions.map(({ name, description, parameters = NO_ARGUMENTS }) => ({
    type: "function",
    function: { name, ...(description === undefined ? {} : { description }), parameters },
  }));
}

type EngineFunction = NonNullable<Extract<GenerateRequest["prompt"], { kind: "chat" }>["tools"]>["functions"][number];

/** Messages whose calls have ids as the template demands them. */
export function templateTurns(model: TurnModel, messages: readonly EngineMessage[]): readonly EngineMessage[] {
  if (!messages.some(({ tool_calls: calls }) => calls !== undefined)) return messages;
  const derived = model.callSyntax();
  return "syntax" in derived && derived.syntax.ids === "short" ? withShortIds(messages) : messages;
}

const IS_SHORT = new RegExp(`^[a-zA-Z0-9]{${SHORT_ID}}$`);

/** Ids that are short stay; others are counted, so that the same conversation always has the same ones. */
function withShortIds(messages: readonly EngineMessage[]): EngineMessage[] {
  const given = messages.flatMap(({ tool_calls: calls = [] }) => calls.map(({ id }) => id));
  const taken = new Set(given.filter((id) => IS_SHORT.test(id)));
  const short = new Map([...taken].map((id) => [id, id]));
  let count = 0;
  for (const id of given) {
    if (short.has(id)) continue;
    let next = "";
    do next = `${count++}`.padStart(SHORT_ID, "0");
    while (taken.has(next));
    short.set(id, next);
  }
  const of = (id: string) => short.get(id) ?? id;
  return messages.map((message) => ({
    ...message,
    ...(message.tool_calls === undefined
      ? {}
      : { tool_calls: message.tool_calls.map((call) => ({ ...call, id: of(call.id) })) }),
    ...(message.tool_call_id === undefined ? {} : { tool_call_id: of(message.tool_call_id) }),
  }));
}
