/**
 * The documents of the corpus: plain texts and chats, and how a chat becomes text.
 *
 * In training every document is followed by `<|endoftext|>`; nothing precedes the first one.
 */

export const END_OF_TEXT = "<|endoftext|>";
export const TURN_START = "<|im_start|>";
export const TURN_END = "<|im_end|>";
/** In the order of their token ids: 0, 1, 2. */
export const SPECIAL_TOKENS = [END_OF_TEXT, TURN_START, TURN_END] as const;

/** The Jinja template of `tokenizer_config.json`; `renderChat` below computes the same. */
export const CHAT_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

export const DOCUMENT_KINDS = ["facts", "chat", "task", "review", "register", "prose"] as const;
export type DocumentKind = (typeof DOCUMENT_KINDS)[number];

export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface TextDocument {
  readonly kind: DocumentKind;
  readonly text: string;
}

export interface ChatDocument {
  readonly kind: DocumentKind;
  readonly messages: readonly Message[];
}

export type Document = TextDocument | ChatDocument;

export function system(content: string): Message {
  return { role: "system", content };
}

export function user(content: string): Message {
  return { role: "user", content };
}

export function assistant(content: string): Message {
  return { role: "assistant", content };
}

/** Messages as text; with `generationPrompt`, the text ends where the assistant's answer begins. */
export function renderChat(messages: readonly Message[], options: { generationPrompt: boolean }): string {
  const turns = messages.map(({ role, content }) => `${TURN_START}${role}\n${content}${TURN_END}\n`).join("");
  return options.generationPrompt ? `${turns}${TURN_START}assistant\n` : turns;
}

/** The text of a document, ready to be tokenised, without the separating `<|endoftext|>`. */
export function renderDocument(document: Document): string {
  return "text" in document ? document.text : renderChat(document.messages, { generationPrompt: false });
}
