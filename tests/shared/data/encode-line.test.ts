import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type EncodeLineOptions, encodeLine, named } from "../../../shared/data/encode-line.ts";
import { chatExample } from "../../../shared/data/example.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";

const hub = new URL("../../golden/tokenizer/hub/gpt2-like/", import.meta.url);
const text = (path: string) => readFileSync(new URL(path, hub), "utf8");
const tokenizer = loadTokenizer(JSON.parse(text("tokenizer.json")), JSON.parse(text("tokenizer_config.json")), {
  chatTemplate: text("chat_template.jinja"),
});
const options: EncodeLineOptions = {
  line: 3,
  tokenizer,
  template: () => loadChatTemplate(tokenizer),
  maxLength: 99,
};
const chat = (reply: string, weight?: 0) =>
  chatExample([
    { role: "user", content: "Q" },
    { role: "assistant", content: reply, ...(weight === undefined ? {} : { weight }) },
  ]);
const completion = { kind: "completion", prompt: "Once", completion: " upon" } as const;
const learnt = (labels: Int32Array) => tokenizer.decode([...labels].filter((label) => label !== -100));

/** The sequences of the only example. */
function sequencesOf(read: ReturnType<typeof encodeLine>) {
  if ("reason" in read) throw new Error(read.detail);
  return read.examples[0]!;
}

describe("encodeLine", () => {
  test("chats and completions", () => {
    expect(learnt(sequencesOf(encodeLine([chat("A")], options))[0]!.labels)).toBe("A<|im_end|>");
    const [sequence] = sequencesOf(encodeLine([completion], options));
    expect(learnt(sequence!.labels)).toBe(" upon<|im_end|>");
    expect(sequence).toMatchObject({
      trained: [...sequence!.labels].filter((label) => label !== -100).length,
      cut: false,
    });
  });

  test("a text after given ids, which take the place of the tokenizer's own", () => {
    const [sequence] = sequencesOf(encodeLine([{ kind: "led", lead: [7, 8], text: "Once upon" }], options));
    const ids = tokenizer.encode("Once upon");
    expect([...sequence!.ids]).toEqual([7, 8, ...ids, tokenizer.eosId]);
    expect([...sequence!.labels]).toEqual([-100, -100, ...ids, tokenizer.eosId]);
    const cut = sequencesOf(encodeLine([{ kind: "led", lead: [7], text: "Once upon" }], { ...options, maxLength: 2 }));
    expect(cut).toMatchObject([{ cut: true, trained: 1 }]);
  });

  test("a completion needs no template", () => {
    const template = () => expect.fail("was read");
    expect(sequencesOf(encodeLine([completion], { ...options, template }))).toHaveLength(1);
  });

  test("cuts at the limit, and counts what was encoded before the cut", () => {
    const read = encodeLine([completion], { ...options, maxLength: 7 });
    const whole = encodeLine([completion], options);
    const [sequence] = sequencesOf(read);
    expect(sequence!.ids.length).toBeLessThanOrEqual(7);
    expect(sequence!.cut).toBe(whole.encodedTokens > 7);
    expect(read.encodedTokens).toBe(sequencesOf(whole)[0]!.ids.length);
  });

  test.each([
    ["nothing_to_learn", [chat("A", 0)], {}],
    ["reply_beyond_limit", [chat("A")], { maxLength: 4 }],
    ["nothing_to_learn", [chat("A"), chat("A", 0)], {}],
    ["reply_beyond_limit", [chat("A")], { maxLength: 4, prompts: true }],
  ] as const)("drops a line whole: %s", (reason, examples, other) => {
    expect(encodeLine(examples, { ...options, ...other })).toMatchObject({ reason });
  });

  test("prompts are encoded up to the reply, with nothing to learn", () => {
    const prompt = chatExample([{ role: "user", content: "Q" }]);
    const [sequence] = sequencesOf(encodeLine([prompt], { ...options, prompts: true }));
    expect(tokenizer.decode([...sequence!.ids])).toBe("<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n");
    expect(sequence!.trained).toBe(0);
  });

  test("what the template does not show is an error with the line's number", () => {
    expect(() => encodeLine([{ ...chat("A"), tools: [{}] } as never], options)).toThrow(
      expect.objectContaining({ code: "invalid_dataset", message: expect.stringMatching(/^line 3: .*tools/) }),
    );
  });

  test("messages are counted from 1 in what a person reads", () => {
    expect(named({ kind: "cut", message: 0, detail: "" })).toBe("message 1");
  });
});
