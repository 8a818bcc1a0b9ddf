/** The messages with which graders ask a model. */
import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { Flaw } from "../errors.ts";
import type { Question } from "../kind.ts";
import { type Observation, render } from "../render.ts";
import { parseTemplate } from "../template.ts";
import { template } from "./fields.ts";

const part = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("input_text"), text: template("Text") }),
  z.strictObject({ type: z.literal("output_text"), text: template("Text") }),
]);

export const graderMessages = z
  .array(
    z.strictObject({
      type: z.literal("message").optional(),
      role: z.enum(["user", "assistant", "system", "developer"]),
      content: z.union([
        template("Text"),
        part,
        z
          .array(z.union([template("Text"), part]))
          .min(1)
          .max(100),
      ]),
    }),
  )
  .min(1)
  .max(100);
export type GraderMessages = z.output<typeof graderMessages>;

/** The texts of messages, each with its field. `list` is the path of the messages in the request. */
export function textsOf(messages: GraderMessages, list: string) {
  return messages.map(({ role, content }, index) => {
    const field = `${list}[${index}].content`;
    const parts = Array.isArray(content) ? content : [content];
    const texts = parts.map((one, place) => {
      const param = Array.isArray(content) ? `${field}[${place}]` : field;
      return typeof one === "string" ? { text: one, param } : { text: one.text, param: `${param}.text` };
    });
    return { role: role === "developer" ? ("system" as const) : role, texts };
  });
}

export function checkMessages(messages: GraderMessages, at: string): void {
  for (const { texts } of textsOf(messages, `${at}.input`))
    for (const { text, param } of texts) parseTemplate(text, param);
}

/**
 * The messages filled in, the parts of each joined, or what the sample lacks.
 *
 * @throws TrimtabError invalid_request for what `render` refuses, and for messages of more than `LIMITS.graderText` characters together
 */
export function renderMessages(
  messages: GraderMessages,
  { observation, list }: { readonly observation: Observation; readonly list: string },
): Question["messages"] | { readonly flaw: Flaw } {
  const filled: Question["messages"][number][] = [];
  let length = 0;
  for (const { role, texts } of textsOf(messages, list)) {
    let content = "";
    for (const { text, param } of texts) {
      const rendered = render(text, observation, param);
      if ("flaw" in rendered) return rendered;
      content += rendered.text;
      length += rendered.text.length;
      if (length > LIMITS.graderText) {
        const message = `\`${list}\` has more than ${LIMITS.graderText} characters once it is filled in. Make the messages or the fields shorter.`;
        throw new TrimtabError("invalid_request", message, { param: list });
      }
    }
    filled.push({ role, content });
  }
  return filled;
}
