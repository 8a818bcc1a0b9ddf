import { type Columns, isRecord } from "../columns.ts";
import { chatExample, userTurn } from "../example.ts";
import { readToolCalls, readTools } from "../tools.ts";
import type { LineFormat } from "./format.ts";
import { schemaOfParameters } from "./python-types.ts";

/** Whether a tool's parameters are a JSON Schema already: of a parameter called `type` they would hold its declaration. */
const isSchema = (parameters: unknown) => isRecord(parameters) && parameters.type === "object";

/** xLAM's and APIGen's calls: `{"query", "answers": [{"name", "arguments"}, …], "tools": [{"name", "parameters"}, …]}`. */
export const xlam: LineFormat = {
  id: "xlam",
  name: "xLAM",
  keys: ["query", "answers", "tools"],
  read(columns) {
    const asked = userTurn(columns.text("query"));
    const calls = readToolCalls(columns, columns.json("answers"), "answers");
    if (calls === undefined) throw columns.error("answers", "holds no call, so that there is nothing to learn");
    const answered = { role: "assistant", content: "", tool_calls: calls } as const;
    return chatExample(
      [asked, answered],
      readTools(columns)?.map((tool, at) => withSchema(columns, tool, at)),
    );
  },
};

/** The tool as clients send it to a served model: its parameters as JSON Schema. */
function withSchema(columns: Columns, tool: unknown, at: number): unknown {
  const { function: declared } = tool as { readonly function: Readonly<Record<string, unknown>> };
  const { parameters } = declared;
  if (parameters === undefined || isSchema(parameters)) return tool;
  const schema = schemaOfParameters(parameters);
  if (schema === undefined) {
    throw columns.error(
      `tools[${at}].parameters`,
      'must be {"NAME": {"type": "str", "description": …}}, or a JSON Schema',
    );
  }
  return { type: "function", function: { ...declared, parameters: schema } };
}
