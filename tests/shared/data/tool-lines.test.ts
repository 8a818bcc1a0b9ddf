import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { requireShownTools } from "../../../shared/data/tool-lines.ts";
import { parseTrainingLine } from "../../../shared/data/training-lines.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";

const hub = new URL("../../golden/tokenizer/hub/gpt2-like/", import.meta.url);
const text = (path: string) => readFileSync(new URL(path, hub), "utf8");
const PLAIN =
  "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}";
const WITH_TOOLS = `{% for tool in tools %}{{ tool.function.name }}{% endfor %}${PLAIN}`;
const GENERATES = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

let loads = 0;
const check = (template: string, values: readonly object[], maxLines = 100) =>
  requireShownTools(
    values.map((value, index) => ({ line: index + 1, examples: [parseTrainingLine(value, index + 1)] })),
    {
      tokenizer: async () => {
        loads++;
        return loadTokenizer(JSON.parse(text("tokenizer.json")), JSON.parse(text("tokenizer_config.json")), {
          chatTemplate: template + GENERATES,
        });
      },
      maxLength: 99,
      maxLines,
      clock: () => new Date(0),
    },
  );

const tools = [{ type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } }];
const chat = (more: object = {}, reply: object = { content: "A" }) => ({
  messages: [
    { role: "user", content: "Q" },
    { role: "assistant", ...reply },
  ],
  ...more,
});
const calling = { tool_calls: [{ id: "1", type: "function", function: { name: "look", arguments: "{}" } }] };

describe("requireShownTools", () => {
  test("names the first line whose tools the template does not show", async () => {
    await expect(check(PLAIN, [chat(), chat({ tools }), chat({ tools })])).rejects.toMatchObject({
      code: "invalid_dataset",
      message: "line 2: this model's chat template does not support tools; remove them",
    });
  });

  test("names the first line whose calls it does not show, though it shows tools", async () => {
    await expect(check(WITH_TOOLS, [chat({ tools }), chat({ tools }, calling)])).rejects.toMatchObject({
      code: "invalid_dataset",
      message: expect.stringMatching(/^line 2: .*tool_calls/),
    });
  });

  test("takes tools that the template shows, and data without any for which it loads nothing", async () => {
    await check(WITH_TOOLS, [chat({ tools }), chat()]);
    loads = 0;
    await check(PLAIN, [chat(), { prompt: "a", completion: "b" }]);
    expect(loads).toBe(0);
  });

  test("looks beyond lines that nothing is trained on, and not beyond the limit", async () => {
    const unlearnt = chat({ tools }, { content: "A", weight: 0 });
    await expect(check(PLAIN, [unlearnt, chat({ tools })])).rejects.toMatchObject({
      message: expect.stringMatching(/^line 2:/),
    });
    await check(PLAIN, [unlearnt, chat({ tools })], 1);
  });
});
