/** The texts that criteria judge: what templates find under `sample`, and what the schema of an eval says of it. */
import type { Observation } from "../graders/render.ts";
import type { JsonObject } from "./schema-keywords.ts";
import { isObject } from "./schema-keywords.ts";

/** What a model wrote, or what a file says that one did. */
export interface Written {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  readonly finishReason: string;
}

/** What templates find under `sample`. */
export function sampleOf({ text, calls, finishReason }: Written): Observation["sample"] {
  const tools = calls.map(({ name, arguments: given }, index) => {
    return { id: `call_${index}`, type: "function", function: { name, arguments: given } };
  });
  const message = { role: "assistant", content: text, ...(tools.length === 0 ? {} : { tool_calls: tools }) };
  const choices = [{ index: 0, message, finish_reason: finishReason }];
  return { output_text: text, output_json: parsed(text), output_tools: tools, choices };
}

/** Without a sample, whatever templates name of it is not there. */
export const NO_SAMPLE: Observation["sample"] = {
  output_text: undefined,
  output_json: undefined,
  output_tools: undefined,
  choices: undefined,
};

/** The sample that came with an item: as it is, and what follows from the parts that it has. */
export function givenSample(given: JsonObject): Observation["sample"] {
  const choices = Array.isArray(given.choices) ? given.choices : undefined;
  const first = isObject(choices?.[0]) && isObject(choices[0].message) ? choices[0].message : undefined;
  const text = given.output_text ?? first?.content ?? undefined;
  return {
    output_text: text,
    output_json: given.output_json ?? (typeof text === "string" ? parsed(text) : undefined),
    output_tools: given.output_tools ?? first?.tool_calls ?? undefined,
    choices,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const text = { type: "string" };
const messages = {
  type: "array",
  items: { type: "object", properties: { role: text, content: {} }, required: ["role"] },
};

/** The schema of `sample`, as evals show it. */
export const SAMPLE_SCHEMA = {
  type: "object",
  properties: {
    model: text,
    choices: { type: "array", items: { type: "object" } },
    output_text: text,
    output_json: {},
    output_tools: { type: "array", items: { type: "object" } },
  },
  required: ["model", "choices"],
};

/** The schema of an item that is made of a completion which was kept. */
export const KEPT_ITEM_SCHEMA = {
  type: "object",
  properties: {
    id: text,
    model: text,
    created_at: { type: "integer" },
    input: messages,
    metadata: { type: "object", additionalProperties: text },
  },
  required: ["id", "model", "input"],
};
