import { createInterface } from "node:readline";
import { ChatCompletion, ChatCompletionChunk } from "../../../shared/api/chat.ts";
import { messageOf } from "../../../shared/errors.ts";
import type { ApiClient } from "../../start/api-client.ts";
import type { CliEffects } from "../effects.ts";
import { jsonText } from "../json-text.ts";

export interface ChatOptions {
  readonly model: string;
  /** The only message; absent: messages are read line by line. */
  readonly message?: string | undefined;
  readonly system?: string | undefined;
  readonly temperature?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly seed?: number | undefined;
  readonly json: boolean;
}

interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

const CHAT = "/v1/chat/completions";
const PROMPT = "> ";

/**
 * Answers one message, or reads messages from standard input until its end, each answered in the light of those before. Replies are
 * printed as they are written; as JSON, each is the API's whole reply.
 */
export async function chat(
  client: ApiClient,
  options: ChatOptions,
  { print, fail, progress, input }: Pick<CliEffects, "print" | "fail" | "progress" | "input">,
): Promise<void> {
  const history: Message[] = options.system === undefined ? [] : [{ role: "system", content: options.system }];
  const ask = async (content: string) => {
    const asked: Message = { role: "user", content };
    const reply = await answer(client, requestOf(options, [...history, asked]), options.json, print);
    history.push(asked, { role: "assistant", content: reply });
  };
  if (options.message !== undefined) return ask(options.message);
  const isTerminal = progress.isTTY === true;
  if (isTerminal) progress.write(`Chatting with ${options.model}. Ctrl-D ends it.\n${PROMPT}`);
  for await (const line of createInterface({ input })) {
    if (line.trim() !== "") {
      try {
        await ask(line);
      } catch (error) {
        // A conversation outlives one failed reply: the message is forgotten, and the next one may do better.
        fail(`${messageOf(error)}\n`, 1);
      }
    }
    if (isTerminal) progress.write(PROMPT);
  }
  if (isTerminal) progress.write("\n");
}

function requestOf({ model, temperature, maxTokens, seed }: ChatOptions, messages: readonly Message[]) {
  return {
    model,
    messages,
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { max_completion_tokens: maxTokens }),
    ...(seed === undefined ? {} : { seed }),
  };
}

async function answer(
  client: ApiClient,
  request: object,
  asJson: boolean,
  print: CliEffects["print"],
): Promise<string> {
  if (asJson) {
    const reply = await client.post(CHAT, request, ChatCompletion);
    print(jsonText(reply));
    return reply.choices[0]?.message.content ?? "";
  }
  let text = "";
  for await (const chunk of client.stream(CHAT, request, ChatCompletionChunk)) {
    const piece = chunk.choices[0]?.delta.content ?? "";
    text += piece;
    if (piece !== "") print(piece);
  }
  print("\n");
  return text;
}
