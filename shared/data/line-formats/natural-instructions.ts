import type { Columns } from "../columns.ts";
import { assistantTurn, chatExample, type Example, instructionWith, userTurn } from "../example.ts";
import type { LineFormat } from "./format.ts";
import { joinedText, texts } from "./texts.ts";

/** Super-NaturalInstructions as it is flattened: `{"definition", "inputs", "targets"}`. */
export const naturalInstructions: LineFormat = {
  id: "natural_instructions",
  name: "Super-NaturalInstructions",
  keys: ["definition", "inputs", "targets"],
  read: (columns) => defined(columns, { definition: "definition", input: "inputs", output: "targets" }),
};

/**
 * An instance of one of its task files, `{"Definition": […], "Instances": [{"input", "output": […]}, …]}`. The reader of such files
 * gives each instance the task's definition.
 */
export const naturalInstructionsTask: LineFormat = {
  id: "natural_instructions_task",
  name: "a task of Super-NaturalInstructions",
  keys: ["Definition", "input", "output"],
  read: (columns) => defined(columns, { definition: "Definition", input: "input", output: "output" }),
};

interface Names {
  readonly definition: string;
  readonly input: string;
  readonly output: string;
}

function defined(columns: Columns, { definition, input, output }: Names): Example {
  const asked = instructionWith(joinedText(columns, definition), columns.text(input));
  return chatExample([userTurn(asked), assistantTurn(texts(columns, output)[0]!)]);
}
