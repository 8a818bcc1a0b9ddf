/** OpenAssistant's conversations: trees of messages, of which several may answer one. */
import { type Columns, isRecord } from "../columns.ts";
import { chatExample, type Example, type TrainingMessage } from "../example.ts";
import type { LineFormat } from "./format.ts";

/** A tree's threads repeat its beginning, so a small file could stand for much text. */
const MAX_THREADS = 256;
const MAX_CHARACTERS = 4 << 20;

interface Walk {
  readonly columns: Columns;
  readonly examples: Example[];
  characters: number;
}

/**
 * `{"message_tree_id", "prompt": {"text", "role": "prompter", "replies": [{"text", "role": "assistant", "replies"}, …]}}`. Every
 * path from the prompt to a reply that nothing answers is an example. A reply that several paths share is trained on in the first
 * of them. Messages that were deleted or that reviewers refused are left out, with all that follows them.
 */
export const openAssistant: LineFormat = {
  id: "openassistant",
  name: "OpenAssistant",
  keys: ["message_tree_id", "prompt"],
  fits: ({ prompt }) => isRecord(prompt),
  read(columns) {
    const walk: Walk = { columns, examples: [], characters: 0 };
    follow(walk, columns.take("prompt"), { path: "prompt", before: [] });
    if (walk.examples.length === 0) throw columns.error("prompt", "has no reply to learn from; remove the line");
    return walk.examples;
  },
};

interface Place {
  readonly path: string;
  readonly before: readonly TrainingMessage[];
}

/** Adds the threads that go through a message. Returns how many there are. */
function follow(walk: Walk, value: unknown, { path, before }: Place): number {
  const { columns, examples } = walk;
  if (!isRecord(value)) throw columns.error(path, "must be a message with text, role and replies");
  const { role, text, replies = [], deleted, review_result: accepted } = value;
  if (deleted === true || accepted === false) {
    columns.ignore("messages that were deleted or refused");
    return 0;
  }
  if (role !== "prompter" && role !== "assistant") throw columns.error(`${path}.role`, "must be prompter or assistant");
  if (typeof text !== "string") throw columns.error(`${path}.text`, "must be a text");
  if (replies !== null && !Array.isArray(replies)) throw columns.error(`${path}.replies`, "must be a list of messages");
  const turn: TrainingMessage =
    role === "prompter" ? { role: "user", content: text } : { role: "assistant", content: text };
  let thread: readonly TrainingMessage[] = [...before, turn];
  let added = 0;
  for (const [at, reply] of (replies ?? []).entries()) {
    const through = follow(walk, reply, { path: `${path}.replies[${at}]`, before: thread });
    added += through;
    // What the first thread has trained on is not trained on again.
    if (through > 0) thread = thread.map((shared) => (shared.role === "assistant" ? { ...shared, weight: 0 } : shared));
  }
  if (added > 0 || role !== "assistant") return added;
  walk.characters += thread.reduce((sum, { content }) => sum + content.length, 0);
  if (examples.length === MAX_THREADS || walk.characters > MAX_CHARACTERS) {
    const most = `${MAX_THREADS} threads and ${MAX_CHARACTERS} characters`;
    throw columns.error("prompt", `has more than ${most} in its threads; upload fewer of its replies`);
  }
  examples.push(chatExample(thread));
  return 1;
}

/** One message of a tree, as OpenAssistant's table has them: alone, it answers nothing. */
export const openAssistantMessage: LineFormat = {
  id: "openassistant_message",
  name: "a message of OpenAssistant",
  keys: ["message_id", "text", "role"],
  read(columns) {
    throw columns.error(
      "message_id",
      "is of one message, and a line must hold a conversation; upload the trees, which OpenAssistant publishes as …_trees.jsonl.gz",
    );
  },
};
