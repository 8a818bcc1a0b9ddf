import type { ResponseFormat, TextFormat } from "../../shared/api/response-format.ts";
import { responseFormatRule } from "../../shared/rules/response-format.ts";
import type { RuleSource } from "../serving/compiled-rules.ts";

/** What a response format holds a reply to; undefined: any text. Throws `invalid_request` for a schema that cannot be. */
export function formatOf(format: ResponseFormat | undefined, param = "response_format"): RuleSource | undefined {
  const spec = format === undefined ? null : responseFormatRule(format, param);
  return spec === null ? undefined : { spec, param };
}

/** The same for the format of a response. */
export function textFormatOf(format: TextFormat | undefined): RuleSource | undefined {
  if (format?.type !== "json_schema") return formatOf(format, "text.format");
  const { type, ...json_schema } = format;
  return formatOf({ type, json_schema }, "text.format");
}
