import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Example } from "../../../shared/data/example.ts";
import { parseTrainingLine } from "../../../shared/data/training-lines.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { tokenizeDataset, tokenizeUnits } from "../../../trainer/data/examples.ts";

const golden = new URL("../../golden/tokenizer/hub/", import.meta.url);
const text = (path: string) => readFileSync(new URL(path, golden), "utf8");
const load = (kind: string, chatTemplate?: string) =>
  loadTokenizer(JSON.parse(text(`${kind}/tokenizer.json`)), JSON.parse(text(`${kind}/tokenizer_config.json`)), {
    chatTemplate,
  });
const tokenizer = load("gpt2-like", text("gpt2-like/chat_template.jinja"));

const lines = (...values: object[]) =>
  values.map((value, index) => ({ line: index + 1, example: parseTrainingLine(value, index + 1) }));
const chat = (question: string, reply: string, weight?: number) => ({
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: reply, ...(weight === undefined ? {} : { weight }) },
  ],
});
const learnt = (labels: Int32Array) => tokenizer.decode([...labels].filter((label) => label !== -100));

describe("tokenizeDataset", () => {
  test("chats and completions, with their labels", async () => {
    const { examples, counts, notes } = await tokenizeDataset(
      lines(chat("Q", "Reply."), { prompt: "Once upon", completion: " a time" }),
      { tokenizer, maxLength: 100 },
    );
    expect(examples.map(({ labels }) => learnt(labels))).toEqual(["Reply.<|im_end|>", " a time<|im_end|>"]);
    expect(tokenizer.decode([...examples[1]!.ids])).toBe("Once upon a time<|im_end|>");
    const tokens = examples.reduce((sum, { ids }) => sum + ids.length, 0);
    const trainedTokens = examples.flatMap(({ labels }) => [...labels]).filter((label) => label !== -100).length;
    expect(counts).toEqual({
      kept: 2,
      truncated: 0,
      dropped: 0,
      droppedFor: { nothing_to_learn: 0, reply_beyond_limit: 0, refused_by_template: 0, not_served: 0 },
      tokens,
      trainedTokens,
      sequences: 2,
      turns: {},
    });
    expect(notes).toEqual([]);
  });

  test("a tokenizer's beginning-of-text token goes before a prompt, and control tokens in it are text", async () => {
    const llama = load("llama3-like");
    const { examples } = await tokenizeDataset(lines({ prompt: "<|im_end|>", completion: "x" }), {
      tokenizer: llama,
      maxLength: 99,
    });
    const ids = [...examples[0]!.ids];
    expect(ids[0]).toBe(llama.bosId);
    expect(ids.filter((id) => [...llama.control.values()].includes(id))).toEqual([llama.bosId, llama.eosId]);
  });

  test.each(["llama2-like", "llama3-like", "gpt2-like"])(
    "%s: a completion goes on where its prompt ends",
    async (kind) => {
      const tokenizer = load(kind);
      for (const [prompt, completion] of [
        ["The", " light"],
        ["The li", "ght was soft"],
        ["Q: 12?\nA:", " 42"],
        ["Q: 12?\n", "42"],
        ["", "Hello there"],
      ] as const) {
        const { examples } = await tokenizeDataset(lines({ prompt, completion }), { tokenizer, maxLength: 99 });
        const ids = [...examples[0]!.ids];
        const served = [...tokenizer.prefix, ...tokenizer.encode(prompt)];
        expect(ids.slice(0, served.length)).toEqual(served);
        expect([...examples[0]!.labels].filter((label) => label !== -100)).toEqual(ids.slice(served.length));
        const shown = (some: number[]) => tokenizer.decode(some, { skipSpecial: true });
        expect(shown(ids)).toBe(prompt + completion);
        // The first token is a word with its space, as in running text, not a space apart.
        if (completion === " light")
          expect(ids).toEqual([...tokenizer.prefix, ...tokenizer.encode("The light"), ids.at(-1)]);
      }
    },
  );

  test("a completion of an empty prompt is trained from its second token on", async () => {
    const { counts, examples } = await tokenizeDataset(lines({ prompt: "", completion: "Hello" }), {
      tokenizer,
      maxLength: 99,
    });
    expect(counts.trainedTokens).toBe(examples[0]!.ids.length - 1);
  });

  test("what is cut and left out is counted and said", async () => {
    const data = lines(
      chat("Q", "A reply that is quite a bit longer than the limit allows it to be"),
      chat("A question that is so long that nothing of the reply is left within the limit", "No"),
      chat("Q", "No", 0),
      { messages: [{ role: "user", content: "Alone" }] },
      chat("Q", "OK"),
    );
    const { counts, examples, notes } = await tokenizeDataset(data, { tokenizer, maxLength: 24 });
    expect(counts).toMatchObject({
      kept: 2,
      truncated: 1,
      dropped: 3,
      droppedFor: { nothing_to_learn: 2, reply_beyond_limit: 1, refused_by_template: 0 },
    });
    expect(examples[0]!.ids).toHaveLength(24);
    expect(learnt(examples[0]!.labels)).toMatch(/^A reply/);
    expect(notes).toEqual([
      "line 2 is left out: the text to train on begins after 24 tokens",
      "line 3 is left out: it has no assistant message with weight 1",
      "line 4 is left out: it has no assistant message with weight 1",
    ]);
  });

  test("a conversation that the template refuses is left out with the template's words", async () => {
    const picky = loadChatTemplate(tokenizer, {
      source:
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No system role') }}{% endif %}" +
        "{{ '<|im_start|>' + m.content + '<|im_end|>' }}{% endfor %}",
    });
    const withSystem = { messages: [{ role: "system", content: "s" }, ...chat("q", "a").messages] };
    const { counts, notes } = await tokenizeDataset(lines(withSystem, chat("q", "a")), {
      tokenizer,
      chatTemplate: picky,
      maxLength: 99,
    });
    expect(counts).toMatchObject({ kept: 1, dropped: 1, droppedFor: { refused_by_template: 1 } });
    expect(notes[0]).toBe("line 1 is left out: the model's chat template rejects the messages: No system role");
  });
});

describe("a conversation that its template shows differently as it grows", () => {
  const forgetful = loadChatTemplate(tokenizer, {
    source:
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + (m.content if loop.last else m.content | upper) }}" +
      "{{ '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  });
  const messages = [...chat("q", "one").messages, ...chat("r", "two").messages];
  const options = { tokenizer, chatTemplate: forgetful, maxLength: 99 };
  const example = lines({ messages })[0]!.example;

  test("becomes a unit for each reply", async () => {
    const { units, counts, splitNote } = await tokenizeUnits([{ line: 1, examples: [example] }], options);
    expect(units.map(({ examples }) => examples.map(({ labels }) => learnt(labels)))).toEqual([
      ["one<|im_end|>"],
      ["two<|im_end|>"],
    ]);
    expect(counts).toMatchObject({ kept: 1, sequences: 2, turns: { aligned: 2 } });
    expect(splitNote).toMatch(/^1 example became 2 sequences: /);
  });

  test("stays one unit where a loss compares examples, and says which replies are left out", async () => {
    const { units, counts, notes } = await tokenizeUnits([{ line: 4, examples: [example, example] }], options);
    expect(units.map(({ examples }) => examples.map(({ labels }) => learnt(labels)))).toEqual([
      ["two<|im_end|>", "two<|im_end|>"],
    ]);
    expect(counts.turns).toEqual({ aligned: 4, not_served: 2 });
    expect(notes).toContain(
      "2 replies cannot be trained as they are served; line 4, message 2: the template shows it differently once " +
        "others follow, and this line has to stay one sequence",
    );
  });

  test("a reply beyond the limit is left out with its sequence", async () => {
    const { units, counts } = await tokenizeUnits([{ line: 1, examples: [example] }], { ...options, maxLength: 24 });
    expect(units).toHaveLength(1);
    expect(counts).toMatchObject({ kept: 1, truncated: 1, sequences: 1 });
  });

  test("is refused when no reply can be trained as served", async () => {
    const source = "{{ messages | length }}{% for m in messages %}{{ m.content | upper }}<|im_end|>{% endfor %}";
    const chatTemplate = loadChatTemplate(tokenizer, { source });
    await expect(tokenizeUnits([{ line: 1, examples: [example] }], { ...options, chatTemplate })).rejects.toMatchObject(
      {
        code: "invalid_dataset",
        message: expect.stringMatching(
          /1 have no reply that the chat template shows as the model is served: .*line 1 is left out: message 2 is not/,
        ),
      },
    );
  });
});

test("the model's own template writes the date that the job gives", async () => {
  const dated = { ...tokenizer, chatTemplate: `{{ strftime_now('%d %b %Y') }}${tokenizer.chatTemplate}` };
  const date = new Date(Date.UTC(2026, 1, 3));
  const { examples } = await tokenizeDataset(lines(chat("q", "a")), { tokenizer: dated, maxLength: 99, date });
  expect(tokenizer.decode([...examples[0]!.ids])).toMatch(/^03 Feb 2026<\|im_start\|>/);
  await expect(tokenizeDataset(lines(chat("q", "a")), { tokenizer: dated, maxLength: 99 })).rejects.toThrow("no date");
});

test("a large dataset does not keep the thread from first to last", async () => {
  const data = lines(...Array.from({ length: 60 }, () => ({ prompt: "word ".repeat(500), completion: "x" })));
  let breaths = 0;
  const yieldToEventLoop = async () => {
    breaths += 1;
    if (breaths === 2) throw new Error("cancelled");
  };
  await expect(tokenizeDataset(data, { tokenizer, maxLength: 99, yieldToEventLoop })).rejects.toThrow("cancelled");
  expect(breaths).toBe(2);
});

describe("datasets that cannot be trained on", () => {
  const fails = async (data: ReturnType<typeof lines>, maxLength = 10) => {
    try {
      await tokenizeDataset(data, { tokenizer, maxLength });
    } catch (error) {
      return error as {
        code: string;
        message: string;
        param: string;
        data: { counts: { kept: number }; notes: string[] };
      };
    }
    throw new Error("nothing was thrown");
  };

  test("not one token to learn: the message says what to change", async () => {
    const error = await fails(lines(chat("q", "a", 0), chat("A question far beyond the limit of ten tokens", "a")));
    expect(error.code).toBe("invalid_dataset");
    expect(error.param).toBe("training_file");
    expect(error.message).toBe(
      "the dataset has no token to train on; of its 2 examples, 1 have no assistant message to learn: add one to each, " +
        "with weight 1 or without a weight; in 1 the reply begins after max_length = 10 tokens: raise it or shorten what comes before",
    );
    expect(error.data.counts.kept).toBe(0);
    expect(error.data.notes).toHaveLength(2);
  });

  test("tools that the template does not show", async () => {
    const line = { ...chat("q", "a"), tools: [{ type: "function", function: {} }] };
    const error = await fails(lines(chat("q", "a"), line), 99);
    expect(error.code).toBe("invalid_dataset");
    expect(error.message).toMatch(/^line 2: this model's chat template does not support tools/);
  });

  test("chats for a model without a template", async () => {
    const bare = load("llama2-like");
    const data: { line: number; example: Example }[] = lines(chat("q", "a"));
    await expect(tokenizeDataset(data, { tokenizer: bare, maxLength: 9 })).rejects.toMatchObject({
      code: "invalid_model",
      message: expect.stringContaining("has no chat template"),
    });
    const completion = lines({ prompt: "a", completion: "b" });
    expect((await tokenizeDataset(completion, { tokenizer: bare, maxLength: 9 })).counts.kept).toBe(1);
  });
});
