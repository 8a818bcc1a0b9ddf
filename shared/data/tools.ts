/** Tools and tool calls, with OpenAI's wrapper or, as in other datasets, without it. */
import { type Columns, isRecord, kindOf } from "./columns.ts";

/**
 * The tools of a record, from `tools` or OpenAI's older `functions`; undefined where there are none. Throws `invalid_file`,
 * naming the field.
 */
export function readTools(columns: Columns): unknown[] | undefined {
  const name = columns.has("tools") || !columns.has("functions") ? "tools" : "functions";
  columns.take("functions");
  columns.take("function_call");
  columns.take("parallel_tool_calls");
  const value = columns.json(name);
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  if (!Array.isArray(value)) throw columns.error(name, `must be a list of tools, not ${kindOf(value)}`);
  return value.map((tool, index) => {
    if (isRecord(tool) && tool.type === "function" && isRecord(tool.function)) return withoutEmpty(tool);
    if (isRecord(tool) && typeof tool.name === "string") return { type: "function", function: withoutEmpty(tool) };
    throw columns.error(`${name}[${index}]`, 'must be {"type": "function", "function": {"name": …, "parameters": …}}');
  });
}

/** The calls of a turn; undefined where there are none. Throws `invalid_file`, naming the field. */
export function readToolCalls(columns: Columns, value: unknown, path: string): unknown[] | undefined {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  if (!Array.isArray(value)) throw columns.error(path, `must be a list of calls, not ${kindOf(value)}`);
  return value.map((call, index) => readToolCall(columns, call, `${path}[${index}]`));
}

/** One call, with `arguments` as JSON text or as an object. Throws `invalid_file`, naming the field. */
export function readToolCall(columns: Columns, value: unknown, path: string): unknown {
  const called = isRecord(value) && isRecord(value.function) ? value.function : value;
  const where = called === value ? path : `${path}.function`;
  if (!isRecord(called) || typeof called.name !== "string") {
    throw columns.error(`${where}.name`, "must be the name of the function that is called");
  }
  const given = called.arguments ?? called.parameters ?? "{}";
  if (typeof given !== "string" && !isRecord(given)) {
    throw columns.error(`${where}.arguments`, `must be an object or its JSON text, not ${kindOf(given)}`);
  }
  const id = isRecord(value) && typeof value.id === "string" ? { id: value.id } : {};
  return { ...id, type: "function", function: { name: called.name, arguments: given } };
}

/**
 * A tool without the nulls that `datasets` writes where another row's schema has a property; a default of null stays, since it
 * means something.
 */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => inner !== null || key === "default" || key === "const")
      .map(([key, inner]) => [key, withoutEmpty(inner)]),
  );
}
