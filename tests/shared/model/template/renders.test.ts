import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ChatMessage } from "../../../../shared/model/chat-message.ts";
import { compileTemplate } from "../../../../shared/model/template/compile.ts";
import { templateMessages } from "../../../../shared/model/template-messages.ts";

interface Golden {
  date: string;
  conversations: Record<string, ChatMessage[]>;
  tools: unknown[];
  templates: Record<string, string>;
  /** Template, conversation, tools, generation prompt, digest of the text (null: an error), ranges in code points. */
  cases: [string, string, boolean, boolean, string | null, [number, number][]][];
}

/** The second file holds other people's templates; git ignores it, and `template_renders.py --public` makes it. */
const goldens = ["renders.json", "public-renders.json"]
  .map((name) => new URL(`../../../golden/templates/${name}`, import.meta.url))
  .filter((file, index) => index === 0 || existsSync(file))
  .map((file): Golden => JSON.parse(readFileSync(file, "utf8")));
const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 16);

describe.each(goldens)("chat templates of many families, equal to transformers", (golden) => {
  test.each(Object.entries(golden.templates))("%s", (name, source) => {
    const template = compileTemplate(source);
    const cases = golden.cases.filter(([template]) => template === name);
    expect(cases.length).toBeGreaterThan(10);
    for (const [, conversation, withTools, addGenerationPrompt, wanted, ranges] of cases) {
      const variables = {
        bos_token: "<s>",
        eos_token: "</s>",
        documents: null,
        messages: templateMessages(golden.conversations[conversation]!, "object"),
        tools: withTools ? golden.tools : null,
        add_generation_prompt: addGenerationPrompt,
      };
      const attempt = () =>
        template.renderMarked(variables, { messages: 10, characters: 1000, date: new Date(golden.date) });
      if (wanted === null) {
        expect(attempt, conversation).toThrow(/^the model's chat template (?!.*internal error)/);
        continue;
      }
      const { text, generations } = attempt();
      expect({ conversation, withTools, addGenerationPrompt, digest: digest(text) }, text).toEqual({
        conversation,
        withTools,
        addGenerationPrompt,
        digest: wanted,
      });
      const codePoints = (offset: number) => Array.from(text.slice(0, offset)).length;
      expect(generations.map(({ start, end }) => [codePoints(start), codePoints(end)])).toEqual(ranges);
    }
  });
});
