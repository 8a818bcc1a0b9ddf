import type { AskedRules } from "../../shared/decode/steering/rules-request.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { CompiledRule } from "../../shared/rules/rule.ts";
import type { RuleSpec } from "../../shared/rules/spec.ts";
import type { ReplyCalls } from "./calls.ts";
import type { AskedRule, RuleSource } from "./compiled-rules.ts";
import type { GenerateRequest } from "./protocol.ts";
import type { ServedModel } from "./served-model.ts";

/**
 * What a request's texts are held to: the calls of its tools, its response format, and the rules of its steering, compiled; null
 * for any text. Throws `invalid_request`, naming the field, for a rule that cannot be followed and for two that exclude each other.
 */
export function replyRule(
  model: Pick<ServedModel, "chatRules" | "textRules">,
  { tenant, prompt, format, steering }: GenerateRequest,
  calls: Pick<ReplyCalls, "rule"> | undefined,
): CompiledRule | null {
  const { banned = [], required = [], ...rules } = steering?.rules ?? {};
  const shaped = shapeOf(rules);
  const [first, second] = [calls?.rule ?? format, shaped].filter((rule) => rule !== undefined);
  if (first !== undefined && second !== undefined) {
    const message = `\`${second.param}\` says what the whole text is, and so does \`${first.param}\`. Send one of them.`;
    throw new TrimtabError("invalid_request", message, { param: second.param });
  }
  const hasPhrases = banned.length + required.length > 0;
  if (first === undefined && !hasPhrases) return null;
  const asked: AskedRule = {
    tenant,
    spec: first?.spec ?? null,
    param: first?.param ?? `steering.rules.${banned.length > 0 ? "banned" : "required"}`,
    ...(calls === undefined ? {} : { parts: calls.rule.parts }),
    ...(hasPhrases ? { phrases: { banned, required } } : {}),
  };
  return (prompt.kind === "chat" ? model.chatRules : model.textRules).get(asked);
}

function shapeOf({ json_schema, regex, choice, grammar }: AskedRules): RuleSource | undefined {
  const found: [string, RuleSpec | undefined][] = [
    ["json_schema", json_schema === undefined ? undefined : { json_schema }],
    ["regex", regex === undefined ? undefined : { regex }],
    ["choice", choice === undefined ? undefined : { choice }],
    ["grammar", grammar === undefined ? undefined : { grammar }],
  ];
  for (const [name, spec] of found) if (spec !== undefined) return { spec, param: `steering.rules.${name}` };
  return undefined;
}
