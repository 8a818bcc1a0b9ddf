/** Tries everything in a model's folder that serving needs, except its weights. */
import { TrimtabError } from "../errors.ts";
import { parseStrictJson, quoteName } from "../formats/strict-json.ts";
import { deriveCallSyntax } from "./calls/derive.ts";
import type { ChatMessage } from "./chat-message.ts";
import { loadChatTemplate } from "./chat-template.ts";
import { type ModelConfig, parseModelConfig } from "./config.ts";
import { readGenerationConfig } from "./generation-config.ts";
import { isObject } from "./json-fields.ts";
import { collected, type ModelProblem } from "./problems.ts";
import { checkChatTemplate } from "./template-check.ts";
import { loadTokenizer, type Tokenizer } from "./tokenizer.ts";

/** Files of a folder, wherever it is stored. */
export interface SmallFiles {
  has(name: string): boolean;
  bytes(name: string): Uint8Array | Promise<Uint8Array>;
}

export interface CheckedFiles {
  readonly problems: ModelProblem[];
  /** The JSON of config.json, and the configuration read from it; both undefined if it cannot be used. */
  readonly json: unknown;
  readonly config: ModelConfig | undefined;
  /** What a model without problems cannot do here, and why. */
  readonly notes: readonly string[];
}

/** A template may refuse all of these but the first. */
const CONVERSATIONS: readonly (readonly ChatMessage[])[] = [
  [{ role: "user", content: "Hello" }],
  [
    { role: "user", content: "Hello" },
    { role: "assistant", content: "Hi" },
    { role: "user", content: "How are you?" },
  ],
  [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Hello" },
  ],
];

/** Checks configuration, generation defaults, tokenizer and chat template. Collects every problem instead of throwing. */
export async function checkSmallFiles(files: SmallFiles): Promise<CheckedFiles> {
  const problems: ModelProblem[] = [];
  const step = <T>(file: string, run: () => T | Promise<T>) => collected(problems, file, run);
  const json = await step("config.json", () => readJson(files, "config.json"));
  const config = json === undefined ? undefined : await step("config.json", () => parseModelConfig(json));
  const generation = await step("generation_config.json", () => readIfThere(files, "generation_config.json"));
  if (config !== undefined) {
    const { vocabSize } = config;
    await step("generation_config.json", () => readGenerationConfig({ generation, config: json, vocabSize }));
  }
  const parsed = await step("tokenizer.json", () => readJson(files, "tokenizer.json"));
  const settings = await step("tokenizer_config.json", () => readJson(files, "tokenizer_config.json"));
  const template = await step("chat_template.jinja", () => readTemplate(files));
  let notes: string[] = [];
  if (parsed !== undefined && settings !== undefined) {
    const tokenizer = await step("tokenizer.json", () =>
      loadTokenizer(parsed, settings, { chatTemplate: template, modelConfig: json }),
    );
    if (tokenizer !== undefined) {
      if (config !== undefined) problems.push(...vocabularyProblems(parsed, tokenizer, config.vocabSize));
      const ofTemplate = templateProblems(tokenizer, template === undefined, config?.vocabSize);
      problems.push(...ofTemplate);
      if (ofTemplate.length === 0) notes = toolNotes(tokenizer);
    }
  }
  return { problems, json, config, notes };
}

/** Tools are optional, so that a template whose calls cannot be followed is no problem, but worth knowing. */
function toolNotes(tokenizer: Tokenizer): string[] {
  if (tokenizer.chatTemplate === undefined) return [];
  const derived = deriveCallSyntax(loadChatTemplate(tokenizer, { clock: () => new Date(0) }), tokenizer);
  if ("problem" in derived) return [`Requests with tools are refused: its chat template ${derived.problem}.`];
  return derived.syntax.between === undefined ? ["A reply has one call at most, as its chat template has it."] : [];
}

/**
 * Tokens of ordinary text that the embedding has no row for. Control tokens beyond it are harmless unless something
 * writes them.
 */
function vocabularyProblems(json: unknown, tokenizer: Tokenizer, vocabSize: number): ModelProblem[] {
  const { model, added_tokens: added = [] } = json as {
    model: { vocab: Readonly<Record<string, number>> | readonly (readonly [string, number])[] };
    added_tokens?: readonly { readonly content: string; readonly id: number }[];
  };
  const entries = Array.isArray(model.vocab)
    ? model.vocab.map(([text], id) => [text as string, id] as const)
    : Object.entries(model.vocab as Readonly<Record<string, number>>);
  const all = [...entries, ...added.map(({ content, id }) => [content, id] as const)];
  const beyond = all.filter(([text, id]) => id >= vocabSize && !tokenizer.control.has(text));
  const limit = `vocab_size in config.json is ${vocabSize}`;
  const problems: ModelProblem[] = [];
  const [first] = beyond;
  if (first !== undefined) {
    const reason = `the token ${quoteName(first[0])} has the id ${first[1]}, but ${limit}${beyond.length > 1 ? ` (${beyond.length} such tokens)` : ""}`;
    problems.push({ file: "tokenizer.json", field: "", reason: `${reason}; the tokenizer belongs to another model` });
  }
  if (tokenizer.eosId >= vocabSize) {
    const reason = `the id ${tokenizer.eosId} cannot be generated: ${limit}`;
    problems.push({ file: "tokenizer_config.json", field: "eos_token", reason });
  }
  return problems;
}

/** A folder without a template serves plain completions, and has no problem here. */
function templateProblems(tokenizer: Tokenizer, inConfig: boolean, vocabSize = Infinity): ModelProblem[] {
  if (tokenizer.chatTemplate === undefined) return [];
  const place = inConfig
    ? { file: "tokenizer_config.json", field: "chat_template" }
    : { file: "chat_template.jinja", field: "" };
  for (const [index, messages] of CONVERSATIONS.entries()) {
    try {
      const ids = loadChatTemplate(tokenizer, { clock: () => new Date(0) }).encodePrompt(messages);
      const beyond = ids.find((id) => id >= vocabSize);
      if (ids.length === 0) return [{ ...place, reason: "renders nothing for a question" }];
      if (beyond === undefined) continue;
      const token = quoteName(tokenizer.tokenOf(beyond) ?? "");
      return [
        {
          ...place,
          reason: `writes ${token}, whose id ${beyond} is not below the vocab_size of config.json, ${vocabSize}`,
        },
      ];
    } catch (error) {
      if (!(error instanceof TrimtabError)) throw error;
      // Templates reject roles and orders that they do not support.
      if (index > 0 && error.code !== "invalid_model") continue;
      return [{ ...place, reason: `fails on a conversation of ${rolesOf(messages)}: ${error.message}` }];
    }
  }
  try {
    checkChatTemplate(tokenizer);
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    return [{ ...place, reason: error.message }];
  }
  return [];
}

function rolesOf(messages: readonly ChatMessage[]): string {
  return messages.map(({ role }) => role).join(", ");
}

async function readIfThere(files: SmallFiles, name: string): Promise<unknown> {
  return files.has(name) ? readJson(files, name) : undefined;
}

async function readTemplate(files: SmallFiles): Promise<string | undefined> {
  return files.has("chat_template.jinja") ? readText(files, "chat_template.jinja") : undefined;
}

async function readJson(files: SmallFiles, name: string): Promise<unknown> {
  if (!files.has(name)) throw new TrimtabError("invalid_model", `${name} is missing`);
  const json = parseStrictJson(await readText(files, name), name, "invalid_model");
  if (!isObject(json)) throw new TrimtabError("invalid_model", `${name} must be a JSON object`);
  return json;
}

async function readText(files: SmallFiles, name: string): Promise<string> {
  const bytes = await files.bytes(name);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    throw new TrimtabError("invalid_model", `${name} is not UTF-8 text`, { cause });
  }
}
