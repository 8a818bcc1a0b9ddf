/** Reads the parts of a `tokenizer.json`: objects of many types, each with different fields. */
import type { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { quoteName } from "../../formats/strict-json.ts";

export interface Part {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The field of `tokenizer.json` that contains a part. */
export type PartKind = "normalizer" | "pre_tokenizer" | "decoder" | "model";

/** The fields of a part. Throws `invalid_model`, naming the field that is missing or wrong. */
export function readPart<Out>(kind: PartKind, part: Part, schema: z.ZodType<Out>): Out {
  const result = schema.safeParse(part);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = [kind, ...issue.path.map(String)].join(".");
  throw new TrimtabError("invalid_model", `tokenizer.json is invalid at ${field} (${part.type}): ${issue.message}`);
}

/** The row of `table` for a part's type. Throws `invalid_model`, naming the type and the supported ones. */
export function requireType<Row>(kind: PartKind, part: Part, table: Readonly<Record<string, Row>>): Row {
  if (Object.hasOwn(table, part.type)) return table[part.type]!;
  throw unusable(
    `the ${kind} type ${quoteName(part.type)} is not supported; supported types are ${Object.keys(table).join(", ")}`,
  );
}

export function unusable(problem: string, cause?: unknown): TrimtabError {
  return new TrimtabError("invalid_model", `tokenizer.json cannot be used: ${problem}`, { cause });
}
