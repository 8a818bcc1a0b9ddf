import { goldenBase } from "./golden-base.ts";
import type { Folder } from "./tiny-base.ts";
import { json } from "./tiny-base.ts";

/** The token t is the letter with the code 33 + t, up to 93, so that every text of letters is the tokens it came from. */
const LETTERS = Array.from({ length: 94 }, (_, token) => String.fromCharCode(33 + token));

/** The text whose tokens these are. */
export const textOf = (tokens: readonly number[]): string => tokens.map((token) => LETTERS[token]!).join("");
export const tokensOf = (text: string): number[] => [...text].map((letter) => LETTERS.indexOf(letter));

/** The last two tokens, which end texts. */
const SPECIAL = ["<|endoftext|>", "<|im_end|>"];

/** The decoder of `goldenBase`, with a letter for each token but the ends, and a chat template that writes the messages one after the other. */
export function lettersBase(changes: Readonly<Record<string, Uint8Array | string>> = {}): Folder {
  const tokenizer = {
    version: "1.0",
    added_tokens: SPECIAL.map((content, i) => ({ id: LETTERS.length + i, content, special: true })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: "Fuse" },
    model: { type: "BPE", vocab: Object.fromEntries(LETTERS.map((letter, token) => [letter, token])), merges: [] },
  };
  const settings = {
    eos_token: SPECIAL[1],
    pad_token: SPECIAL[0],
    chat_template: "{% for message in messages %}{{ message.content }}{% endfor %}",
  };
  const folder = goldenBase();
  folder.delete("chat_template.jinja");
  folder.set("tokenizer.json", json(tokenizer)).set("tokenizer_config.json", json(settings));
  for (const [name, change] of Object.entries(changes)) {
    folder.set(name, typeof change === "string" ? new TextEncoder().encode(change) : change);
  }
  return folder;
}
