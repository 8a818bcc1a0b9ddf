/** Finds out, before a job is queued, whether the model's template shows the tools of its data. */
import { type ChatTemplate, loadChatTemplate } from "../model/chat-template.ts";
import type { Tokenizer } from "../model/tokenizer.ts";
import type { DryRunLine } from "./dry-run.ts";
import { encodeLine } from "./encode-line.ts";
import type { Example } from "./example.ts";

export interface ToolCheckOptions {
  /** Called at most once, and only for lines with tools. */
  readonly tokenizer: () => Promise<Tokenizer>;
  /** Tokens; longer sequences are cut at the end. */
  readonly maxLength: number;
  /** Reading stops after this many lines. */
  readonly maxLines: number;
  /** What templates write as today's date. */
  readonly clock: () => Date;
}

/**
 * Encodes the first lines with tools and with tool calls as training does. A template either shows them or not, so the lines
 * after the first one that is trained on need no check.
 *
 * @throws TrimtabError as `encodeLine` does: invalid_dataset with the line's number, invalid_model.
 */
export async function requireShownTools(lines: Iterable<DryRunLine>, options: ToolCheckOptions): Promise<void> {
  const { maxLength, maxLines, clock } = options;
  const unseen = new Set<ToolPart>(["tools", "tool_calls"]);
  let read = 0;
  let tokenizer: Tokenizer | undefined;
  let loaded: ChatTemplate | undefined;
  for (const { line, examples } of lines) {
    if (read++ >= maxLines || unseen.size === 0) return;
    const parts = examples.flatMap(toolParts).filter((part) => unseen.has(part));
    if (parts.length === 0) continue;
    tokenizer ??= await options.tokenizer();
    const own = tokenizer;
    const template = () => {
      loaded ??= loadChatTemplate(own, { clock });
      return loaded;
    };
    const encoded = encodeLine(examples, { line, tokenizer, template, maxLength });
    // A line that is left out need not have been rendered.
    if (!("reason" in encoded)) for (const part of parts) unseen.delete(part);
  }
}

type ToolPart = "tools" | "tool_calls";

function toolParts(example: Example): ToolPart[] {
  if (example.kind !== "chat") return [];
  const { messages, tools = [] } = example;
  const calls = messages.some(({ tool_calls: made }) => made !== undefined);
  return [...(tools.length > 0 ? (["tools"] as const) : []), ...(calls ? (["tool_calls"] as const) : [])];
}
