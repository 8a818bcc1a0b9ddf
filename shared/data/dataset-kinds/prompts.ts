import { isPromptRecord, PROMPT_COLUMNS, readPromptRecord } from "../prompt-line.ts";
import type { DatasetKind } from "./kind.ts";

/** Prompts that the model answers itself while it is trained. */
export const prompts: DatasetKind = {
  holds: 'prompts to answer, {"messages"} that end with the user\'s turn or {"prompt"}, with any fields to grade by',
  columns: PROMPT_COLUMNS,
  recognises: isPromptRecord,
  read(value, place) {
    const { example } = readPromptRecord(value, place);
    // Fields that are not read here are graders' to read.
    return { examples: [example], prompts: true, layout: "prompt", ignored: [], trainable: true };
  },
};
