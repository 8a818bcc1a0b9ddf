/** The prompts of a labelling project, from its request or from a file of the tenant's. */

import type { KeptPrompt } from "../../shared/api/kept-completions.ts";
import type { LabelPrompt } from "../../shared/api/labeling.ts";
import { Columns, isRecord, type RecordPlace, recordError } from "../../shared/data/columns.ts";
import { holdsMessages, readMessages } from "../../shared/data/messages.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { engineMessages } from "../asking/engine-messages.ts";
import { datasetRecords } from "../blobs/dataset-records.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";
import { withParam } from "./sweep-sources.ts";

/** A prompt of a request as tasks show it. */
export function givenPrompt(prompt: LabelPrompt): KeptPrompt {
  if (typeof prompt === "string") return { messages: [{ role: "user", content: prompt }] };
  if ("text" in prompt) return { text: prompt.text };
  return { messages: engineMessages(prompt.messages).map((message) => ({ ...message })) };
}

/** Characters of all prompts of one project. */
const MOST_CHARACTERS = 16 * (1 << 20);

/**
 * The prompts of a file's lines: `prompt`, or the turns of `messages` before its last answers. The same prompt counts once.
 *
 * @throws TrimtabError not_found; invalid_file with the line, the field and what to change; invalid_request for too many
 */
export async function filePrompts(tenant: Remote<Tenant>, bucket: R2Bucket, file: string): Promise<KeptPrompt[]> {
  const param = "prompts_file";
  const { key, bytes, filename } = await tenant.files
    .source(file)
    .catch((error: unknown) => Promise.reject(withParam(error, () => param)));
  const prompts = new Map<string, KeptPrompt>();
  let characters = 0;
  try {
    for await (const { value, place } of datasetRecords(bucket, { key, bytes, name: filename })) {
      const prompt = recordPrompt(value, place);
      const text = JSON.stringify(prompt);
      if (!prompts.has(text)) characters += text.length;
      prompts.set(text, prompt);
      if (prompts.size > LIMITS.labelPrompts || characters > MOST_CHARACTERS) {
        const message = `The file has more than ${LIMITS.labelPrompts} prompts, or ${MOST_CHARACTERS} characters of them, which is what a project may have. Take a part of it.`;
        throw new TrimtabError("invalid_request", message, { param });
      }
    }
  } catch (error) {
    throw withParam(error, () => param);
  }
  if (prompts.size === 0) throw new TrimtabError("invalid_request", "The file has no prompt in it.", { param });
  return [...prompts.values()];
}

function recordPrompt(value: unknown, place: RecordPlace): KeptPrompt {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  const columns = new Columns(value, place);
  const given = columns.take("prompt");
  if (given === undefined) {
    const turns = readMessages(columns, "messages");
    const last = turns.findLastIndex(({ role }) => role !== "assistant");
    if (last < 0) throw columns.error("messages", "must have a turn that is not the assistant's");
    return { messages: turns.slice(0, last + 1).map((turn) => ({ ...turn })) };
  }
  if (!holdsMessages(given) && !Array.isArray(given)) {
    const text = columns.text("prompt");
    if (text === "") throw columns.error("prompt", "must not be empty");
    return { messages: [{ role: "user", content: text }] };
  }
  return { messages: readMessages(columns, "prompt").map((turn) => ({ ...turn })) };
}
