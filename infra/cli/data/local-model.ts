import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { TrimtabError } from "../../../shared/errors.ts";
import { type ChatTemplate, loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadFolderTokenizer, readModelJson } from "../../../shared/model/model-folder.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";

export const EMBEDDED_BASE = join(import.meta.dirname, "../../base/model");

/** What reading lines takes of a folder: its weights are left alone. */
const READ = ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];

export interface LocalModel {
  readonly tokenizer: Tokenizer;
  readonly template: () => ChatTemplate;
  readonly maxLength: number;
}

/**
 * How the model in a Hugging Face folder reads lines, of at most `maxLength` tokens or its context.
 *
 * @throws TrimtabError not_found, invalid_model, invalid_request for a length beyond the context
 */
export function localModel(folder: string, maxLength: number | undefined, now: () => number): LocalModel {
  if (!existsSync(join(folder, "tokenizer.json"))) {
    const message = `${folder} has no tokenizer.json: --model takes a Hugging Face folder for files on this machine.`;
    throw new TrimtabError("not_found", message, { param: "model" });
  }
  const present = READ.filter((name) => existsSync(join(folder, name)));
  const files = new Map(present.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
  const { maxPositions } = parseModelConfig(readModelJson(files, "config.json"));
  if (maxLength !== undefined && maxLength > maxPositions) {
    const message = `--max-length must be at most ${maxPositions}, the context of this model.`;
    throw new TrimtabError("invalid_request", message, { param: "max_length" });
  }
  const tokenizer = loadFolderTokenizer(files);
  let loaded: ChatTemplate | undefined;
  const template = () => {
    loaded ??= loadChatTemplate(tokenizer, { clock: () => new Date(now()) });
    return loaded;
  };
  return { tokenizer, template, maxLength: maxLength ?? maxPositions };
}
