import type { Columns } from "../columns.ts";
import { assistantTurn, chatExample, type Example, type TrainingMessage, userTurn } from "../example.ts";
import { holdsMessages, readMessages } from "../messages.ts";
import { readTools } from "../tools.ts";
import type { LineFormat } from "./format.ts";

/** A text and its continuation, or a conversation and the turns that continue it: `{"prompt", "completion"}`. */
export const promptCompletion: LineFormat = {
  id: "prompt_completion",
  name: "prompt and completion",
  keys: ["prompt", "completion"],
  columns: ["label", "tools", "functions", "function_call", "parallel_tool_calls"],
  read(columns) {
    if (typeof columns.take("label") === "boolean") {
      throw columns.error(
        "label",
        "marks good and bad completions, which a job of type kto learns from; supervised training cannot tell them apart: keep the good ones and remove the column",
      );
    }
    const [prompt, completion] = [columns.take("prompt"), columns.take("completion")];
    if (holdsMessages(prompt) || holdsMessages(completion)) return continuedChat(columns);
    const text = columns.text("completion");
    if (text === "") throw columns.error("completion", "must not be empty");
    return { kind: "completion", prompt: columns.text("prompt"), completion: text };
  },
};

/** Only the turns of the completion are trained on. */
function continuedChat(columns: Columns): Example {
  const turns = (name: string, fromText: (text: string) => TrainingMessage) =>
    holdsMessages(columns.take(name)) ? readMessages(columns, name) : [fromText(columns.text(name))];
  const before = turns("prompt", userTurn).map((turn) =>
    turn.role === "assistant" ? { ...turn, weight: 0 as const } : turn,
  );
  return chatExample([...before, ...turns("completion", assistantTurn)], readTools(columns));
}
