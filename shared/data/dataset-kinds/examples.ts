import type { Example } from "../example.ts";
import { KNOWN_COLUMNS } from "../line-formats/registry.ts";
import { hasKnownFormat, readTrainingRecord } from "../training-lines.ts";
import type { DatasetKind } from "./kind.ts";

/** Conversations, pairs and texts to imitate, in any of the line formats. */
export const examples: DatasetKind = {
  holds: "examples to imitate, such as conversations",
  columns: [...KNOWN_COLUMNS],
  recognises: hasKnownFormat,
  read(value, place, said) {
    const { examples: read, format, ignored } = readTrainingRecord(value, place, said);
    return {
      examples: read,
      ...{ layout: format.name, format: format.id, count: read.length },
      ...{ ignored, trainable: read.some(isTrainable), group: read[0]!.kind },
    };
  },
};

function isTrainable(example: Example): boolean {
  if (example.kind === "led") return true;
  if (example.kind === "completion") return example.completion !== "";
  return example.messages.some(
    ({ role, content, weight, tool_calls: calls }) =>
      role === "assistant" && weight !== 0 && (content !== "" || calls !== undefined),
  );
}
