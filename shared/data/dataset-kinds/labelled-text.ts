import { LIMITS } from "../../limits.ts";
import { type Columns, kindOf } from "../columns.ts";
import { readMessages } from "../messages.ts";

/** A text and the name of its class. */
export interface LabelledText {
  readonly text: string;
  readonly label: string;
}

/**
 * Reads `{"text", "label"}`, or `{"messages", "label"}`, whose text is the assistant's last reply. A label is a name, or a
 * number or truth value that becomes one. Throws `invalid_file`, naming the field.
 */
export function readLabelledText(columns: Columns): LabelledText {
  const label = readLabel(columns);
  const text = columns.has("text") ? columns.text("text") : lastReply(columns);
  if (text.trim() === "") {
    throw columns.error(
      columns.has("text") ? "text" : "messages",
      "must not be empty; remove the line or give it a text",
    );
  }
  return { text, label };
}

function readLabel(columns: Columns): string {
  const value = columns.take("label");
  if (typeof value === "boolean" || (typeof value === "number" && Number.isSafeInteger(value))) return String(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "string") {
    throw columns.error("label", `must be the name of a class, or a whole number, not ${kindOf(value)}`);
  }
  const name = value.trim();
  if (name === "") throw columns.error("label", "must not be empty");
  if (name.length > LIMITS.labelName) {
    throw columns.error("label", `must have at most ${LIMITS.labelName} characters, but has ${name.length}`);
  }
  return name;
}

function lastReply(columns: Columns): string {
  const last = readMessages(columns, "messages").findLast(({ role }) => role === "assistant");
  if (last === undefined) throw columns.error("messages", "must have a message of the assistant, whose text is judged");
  return last.content;
}
