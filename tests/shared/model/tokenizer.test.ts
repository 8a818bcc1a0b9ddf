import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import type { ChatMessage } from "../../../shared/model/chat-message.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadTokenizer, type Tokenizer, tokenizerDigest } from "../../../shared/model/tokenizer.ts";
import { createRandom } from "../../../shared/random.ts";

const golden = new URL("../../golden/tokenizer/", import.meta.url);
// biome-ignore lint/suspicious/noExplicitAny: golden files are read as they are
const read = (path: string): any => JSON.parse(readFileSync(new URL(path, golden), "utf8"));
const load = (name: string) =>
  loadTokenizer(read(`hub/${name}/tokenizer.json`), read(`hub/${name}/tokenizer_config.json`));

interface Case {
  text: string;
  ids: number[];
  idsPlain: number[];
  idsWithSpecials: number[];
  decoded: string;
  decodedClean: string;
}

const KINDS = ["gpt2-like", "llama3-like", "llama2-like"] as const;

describe.each(KINDS)("%s: equal to Hugging Face tokenizers", (kind) => {
  const tokenizer = load(kind);
  const cases: Case[] = read(`hub/${kind}/cases.json`).cases;

  test.each(cases)("encodes $text", ({ text, ids, idsPlain, idsWithSpecials }) => {
    expect(tokenizer.encode(text)).toEqual(idsPlain);
    expect(tokenizer.encodeTrusted(text)).toEqual(ids);
    expect([...tokenizer.prefix, ...ids]).toEqual(idsWithSpecials);
  });

  test.each(cases)("decodes $text", ({ ids, decoded, decodedClean }) => {
    expect(tokenizer.decode(ids)).toBe(decoded);
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe(decodedClean);
  });

  test("a user's text never produces control tokens", () => {
    const random = createRandom(1, kind);
    const pieces = [...tokenizer.control.keys(), "<", "|", ">", " ", "a", "<|", "\n", "</s", "\ud83d", "日"];
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: 1 + random.below(8) }, () => pieces[random.below(pieces.length)]!).join("");
      const ids = tokenizer.encode(text);
      expect(ids.some((id) => [...tokenizer.control.values()].includes(id))).toBe(false);
      const wellFormed = new TextDecoder().decode(new TextEncoder().encode(text));
      if (kind === "gpt2-like") expect(tokenizer.decode(ids)).toBe(wellFormed);
    }
  });

  test("streamed pieces join to the whole, without a premature replacement character", () => {
    for (const { ids, decoded } of cases) {
      const stream = tokenizer.stream();
      const pieces = ids.map((id) => stream.push(id));
      expect(pieces.join("") + stream.flush()).toBe(decoded);
      if (!decoded.includes("\ufffd")) expect(pieces.join("")).not.toContain("\ufffd");
    }
  });
});

describe("streaming arbitrary ids", () => {
  test.each(["gpt2-like", "llama3-like"])("%s: any sequence of ids streams to what decode returns", (kind) => {
    const tokenizer = load(kind);
    const random = createRandom(2, kind);
    for (let round = 0; round < 300; round++) {
      const ids = Array.from({ length: 20 }, () => random.below(tokenizer.vocabSize + 5));
      for (const skipSpecial of [false, true]) {
        const stream = tokenizer.stream({ skipSpecial });
        const text = ids.map((id) => stream.push(id)).join("") + stream.flush();
        expect(text).toBe(tokenizer.decode(ids, { skipSpecial }));
      }
    }
  });

  test("a decoder can be used again after flush", () => {
    const tokenizer = load("gpt2-like");
    const ids = tokenizer.encode("🙂");
    expect(ids.length).toBeGreaterThan(1);
    const stream = tokenizer.stream();
    expect(stream.push(ids[0]!)).toBe("");
    expect(stream.flush()).toBe("\ufffd");
    expect(ids.map((id) => stream.push(id)).join("")).toBe("🙂");
  });
});

describe("other properties", () => {
  const tokenizer = load("gpt2-like");

  test("ids and sizes", () => {
    expect(tokenizer).toMatchObject({ eosId: 2, padId: 0, bosId: undefined, vocabSize: 420, prefix: [] });
    expect([...tokenizer.control]).toEqual([
      ["<|endoftext|>", 0],
      ["<|im_start|>", 1],
      ["<|im_end|>", 2],
    ]);
    expect(load("llama2-like")).toMatchObject({ bosId: 1, eosId: 2, padId: 2 });
  });

  test("the chat template comes from its own file, or from the configuration under any name", () => {
    const loaded = (config: object, chatTemplate?: string) =>
      loadTokenizer(read("hub/gpt2-like/tokenizer.json"), { eos_token: "<|im_end|>", ...config }, { chatTemplate })
        .chatTemplate;
    expect(loaded({})).toBeUndefined();
    expect(loaded({ chat_template: "a" })).toBe("a");
    expect(loaded({ chat_template: "a" }, "b")).toBe("b");
    expect(
      loaded({
        chat_template: [
          { name: "tool_use", template: "t" },
          { name: "default", template: "d" },
        ],
      }),
    ).toBe("d");
  });

  test("a tokenizer that marks the first word of a text marks it once", () => {
    const file = read("hub/llama2-like/tokenizer.json");
    file.normalizer = null;
    file.pre_tokenizer = { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false };
    const first = loadTokenizer(file, read("hub/llama2-like/tokenizer_config.json"));
    const texts = first.encodeTrusted("a</s>a").map((id) => first.tokenOf(id));
    expect(texts).toEqual(["▁a", "</s>", "a"]);
    expect(first.encode("a", { continues: true })).toEqual(first.encodeTrusted("</s>a").slice(1));
  });

  test("text that goes on where other text ended has no mark of a first word", () => {
    const llama = load("llama2-like");
    const texts = (text: string, continues: boolean | "text") =>
      llama
        .encode(text, { continues })
        .map((id) => llama.tokenOf(id))
        .join(" ");
    expect(texts(" a", false)).toBe("▁ ▁a");
    // The library marks every stretch of text after a control token.
    expect(texts(" a", true)).toBe("▁ ▁a");
    expect(texts(" a", "text")).toBe("▁a");
    expect(texts("a", "text")).toBe("a");
  });

  test("a stream after other ids gives the text that they do not", () => {
    const llama = load("llama2-like");
    const [prompt, text] = ["The capital", " of Franceé 🙂"];
    const ids = llama.encode(text, { continues: "text" });
    const streamed = (after: number[]) => {
      const stream = llama.stream({ after, skipSpecial: true });
      return ids.map((id) => stream.push(id)).join("") + stream.flush();
    };
    expect(streamed(llama.encode(prompt))).toBe(text);
    expect(streamed([...llama.encode(prompt), llama.eosId])).toBe(text);
    // What the decoder does with the first token of a text it does here, too.
    expect(streamed([llama.bosId!])).toBe(text.slice(1));
    expect(llama.decode([...llama.encode(prompt), ...ids])).toBe(prompt + text);
  });

  test("a token's text has its leading space, unless it begins the text", () => {
    const llama = load("llama2-like");
    const id = llama.encode("of")[0]!;
    expect([llama.tokenOf(id), llama.textOf(id), llama.textOf(id, { first: true })]).toEqual(["▁of", " of", "of"]);
    expect(llama.bytesOf(id)).toEqual(new TextEncoder().encode(" of"));
    expect(llama.bytesOf(id, { first: true })).toEqual(new TextEncoder().encode("of"));
    const gpt2 = load("gpt2-like");
    const space = gpt2.encode(" of")[0]!;
    expect([gpt2.textOf(space), gpt2.textOf(space, { first: true })]).toEqual([" of", " of"]);
    const [part] = gpt2.encode("🙂");
    expect(gpt2.textOf(part!)).toBe("\ufffd");
  });

  test("the unknown token stands for what the vocabulary lacks, in texts from users too", () => {
    const file = read("hub/llama2-like/tokenizer.json");
    file.model.byte_fallback = false;
    const llama = loadTokenizer(file, read("hub/llama2-like/tokenizer_config.json"));
    const unk = llama.control.get("<unk>")!;
    expect(llama.encode("☃a☃☃").filter((id) => id === unk)).toHaveLength(2);
    expect(llama.encode("<unk>")).not.toEqual(llama.encodeTrusted("<unk>"));
  });

  test("control tokens in trusted text are found as the file says: alone, with the space around them", () => {
    const file = read("hub/gpt2-like/tokenizer.json");
    Object.assign(file.added_tokens[0], { content: "end", single_word: true, lstrip: true });
    const odd = loadTokenizer(file, read("hub/gpt2-like/tokenizer_config.json"));
    expect(odd.splitControl("a \t end ending", [2])).toEqual([
      { text: "a", start: 0, end: 2 },
      { text: "", start: 2, end: 4 },
      { text: "end", start: 4, end: 7, id: 0 },
      { text: " ending", start: 7, end: 14 },
    ]);
  });

  test("a token <0x01> is text where the decoder does not turn it into a byte", () => {
    const file = read("hub/llama2-like/tokenizer.json");
    file.decoder = { type: "Metaspace", replacement: "▁", prepend_scheme: "always" };
    const literal = loadTokenizer(file, read("hub/llama2-like/tokenizer_config.json"));
    const ids = literal.encodeTrusted("a\u0001");
    const stream = literal.stream();
    expect(ids.map((id) => stream.push(id)).join("")).toBe(literal.decode(ids));
    expect(literal.decode(ids)).toBe("a<0x01>");
    expect(literal.textOf(ids.at(-1)!)).toBe("<0x01>");
  });

  test("the bytes of the tokens join to the bytes of the text", () => {
    const text = "naïve 🙂 x";
    for (const kind of KINDS) {
      const tokenizer = load(kind);
      const bytes = tokenizer.encode(text).flatMap((id) => [...tokenizer.bytesOf(id)]);
      expect(new TextDecoder().decode(Uint8Array.from(bytes)).trimStart()).toBe(text);
    }
    expect(new TextDecoder().decode(tokenizer.bytesOf(2))).toBe("<|im_end|>");
    expect(tokenizer.bytesOf(99_999)).toHaveLength(0);
  });

  test("splitControl returns offsets", () => {
    expect(tokenizer.splitControl("a<|im_end|>\nb")).toEqual([
      { text: "a", start: 0, end: 1 },
      { text: "<|im_end|>", start: 1, end: 11, id: 2 },
      { text: "\nb", start: 11, end: 13 },
    ]);
  });

  test("control tokens with lstrip and rstrip strip trusted text", () => {
    const file = read("hub/gpt2-like/tokenizer.json");
    file.added_tokens[2].rstrip = true;
    file.added_tokens[1].lstrip = true;
    const stripping: Tokenizer = loadTokenizer(file, read("hub/gpt2-like/tokenizer_config.json"));
    const bare = tokenizer.encodeTrusted("a<|im_end|>b<|im_start|>c");
    expect(stripping.encodeTrusted("a<|im_end|> \n b \t<|im_start|>c")).toEqual(bare);
  });

  test("a token named in the configuration is a control token even if the file marks it as ordinary", () => {
    const file = read("hub/gpt2-like/tokenizer.json");
    for (const token of file.added_tokens) token.special = false;
    const strict = loadTokenizer(file, read("hub/gpt2-like/tokenizer_config.json"));
    expect(strict.encode("<|im_end|>")).not.toContain(2);
    expect(strict.encode("<|im_start|>")).not.toContain(1);
  });

  test("a control token that is an ordinary entry of the vocabulary is not matched either", () => {
    const file = {
      model: {
        type: "Unigram",
        unk_id: 0,
        vocab: [
          ["<unk>", 0],
          ["</s>", -1],
          ["<", -5],
          ["/", -5],
          ["s", -5],
          [">", -5],
          ["a", -5],
        ],
      },
      added_tokens: [{ id: 1, content: "</s>", special: true }],
      decoder: { type: "Fuse" },
    };
    const unigram = loadTokenizer(file, { eos_token: "</s>", unk_token: "<unk>" });
    expect(unigram.encode("a</s>a")).toEqual([6, 2, 3, 4, 5, 6]);
    expect(unigram.encodeTrusted("a</s>a")).toEqual([6, 1, 6]);
  });

  test("the digest depends on the contents, not on the order of keys", async () => {
    const file = read("hub/gpt2-like/tokenizer.json");
    const reordered = Object.fromEntries(Object.entries(file).reverse());
    expect(await tokenizerDigest(reordered)).toBe(await tokenizerDigest(file));
    const other = read("hub/gpt2-like/tokenizer.json");
    other.model.vocab.extra = 500;
    expect(await tokenizerDigest(other)).not.toBe(await tokenizerDigest(file));
  });
});

describe("invalid files", () => {
  const config = () => read("hub/gpt2-like/tokenizer_config.json");
  const changed = (change: (file: ReturnType<typeof read>) => void) => {
    const file = read("hub/gpt2-like/tokenizer.json");
    change(file);
    return () => loadTokenizer(file, config());
  };

  test.each<[string, () => unknown, string]>([
    ["not an object", () => loadTokenizer([], {}), "tokenizer.json is invalid"],
    ["no model", changed((file) => delete file.model), "tokenizer.json is invalid at model"],
    [
      "an unknown model",
      changed((file) => {
        file.model.type = "Markov";
      }),
      "tokenizer.json is invalid at model.type: supported models are BPE, Unigram and WordPiece",
    ],
    [
      "an id that would take gigabytes",
      changed((file) => {
        file.model.vocab.x = 4e9;
      }),
      "tokenizer.json is invalid at model.vocab",
    ],
    [
      "an unknown pre-tokenizer",
      changed((file) => {
        file.pre_tokenizer = { type: "Magic" };
      }),
      'tokenizer.json cannot be used: the pre_tokenizer type "Magic" is not supported; supported types are',
    ],
    [
      "two ids for one token",
      changed((file) => {
        file.added_tokens[1].content = "a";
      }),
      'it gives the token "a" the id 1 in added_tokens and',
    ],
    [
      "one id for two tokens",
      changed((file) => {
        file.added_tokens[1].id = 0;
      }),
      'gives two added tokens the same id 0: "<|endoftext|>" and "<|im_start|>"',
    ],
    [
      "no eos_token",
      () => loadTokenizer(read("hub/gpt2-like/tokenizer.json"), {}),
      "tokenizer_config.json has no eos_token",
    ],
    [
      "an eos_token that is nowhere",
      () => loadTokenizer(read("hub/gpt2-like/tokenizer.json"), { eos_token: "</x>" }),
      'the eos_token "</x>" is not in tokenizer.json',
    ],
    [
      "a template that is a number",
      () => loadTokenizer(read("hub/gpt2-like/tokenizer.json"), { eos_token: "<|im_end|>", chat_template: 3 }),
      "tokenizer_config.json is invalid at chat_template",
    ],
  ])("%s", (_name, attempt, message) => {
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ name: "TrimtabError", code: "invalid_model" }));
  });
});

describe("the embedded base model's tokenizer, equal to the Python libraries", () => {
  const folder = new URL("../../../infra/base/model/", import.meta.url);
  const file = readFileSync(new URL("tokenizer.json", folder));
  const config = JSON.parse(readFileSync(new URL("tokenizer_config.json", folder), "utf8"));
  const base = loadTokenizer(JSON.parse(file.toString("utf8")), config);
  const made: {
    digest: string;
    size: number;
    specials: { eos: number; pad: number };
    cases: Case[];
    chats: { messages: ChatMessage[]; ids: number[]; idsWithPrompt: number[] }[];
  } = read("base.json");

  test("the golden was made from this tokenizer; if not, run tests/golden/make/tokenizer_base.py", async () => {
    expect(await sha256Hex(new Uint8Array(file))).toBe(made.digest);
    expect([base.vocabSize, base.eosId, base.padId]).toEqual([made.size, made.specials.eos, made.specials.pad]);
  });

  test("ids and texts", () => {
    for (const { text, ids, idsPlain, decoded, decodedClean } of made.cases) {
      expect([text, base.encode(text), base.encodeTrusted(text)]).toEqual([text, idsPlain, ids]);
      expect([base.decode(ids), base.decode(ids, { skipSpecial: true })]).toEqual([decoded, decodedClean]);
    }
  });

  test("chats", () => {
    const template = loadChatTemplate(base);
    for (const { messages, idsWithPrompt } of made.chats)
      expect(template.encodePrompt(messages)).toEqual(idsWithPrompt);
    expect(template.stopIds).toEqual([made.specials.eos]);
  });
});
