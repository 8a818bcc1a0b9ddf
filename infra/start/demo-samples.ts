/** Asks a model questions and times its answers as they stream in. */
import { ChatCompletionChunk } from "../../shared/api/chat.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { ApiClient } from "./api-client.ts";

const MAX_TOKENS = 64;

export interface Answers {
  readonly texts: readonly string[];
  /** Per stream: tokens after the first, over the time from the first to the last. */
  readonly tokensPerSecond: number;
}

/** One answer per prompt, decoded greedily, one at a time. */
export async function askAll(
  client: ApiClient,
  model: string,
  prompts: readonly string[],
  now: () => number,
): Promise<Answers> {
  const texts: string[] = [];
  let tokens = 0;
  let milliseconds = 0;
  for (const prompt of prompts) {
    const answer = await ask(client, model, prompt, now);
    texts.push(answer.text);
    tokens += answer.tokens - 1;
    milliseconds += answer.milliseconds;
  }
  return { texts, tokensPerSecond: milliseconds > 0 ? (tokens / milliseconds) * 1000 : 0 };
}

interface Answer {
  readonly text: string;
  readonly tokens: number;
  readonly milliseconds: number;
}

async function ask(client: ApiClient, model: string, prompt: string, now: () => number): Promise<Answer> {
  const request = {
    model,
    messages: [{ role: "user", content: prompt }],
    temperature: 0,
    max_tokens: MAX_TOKENS,
    stream_options: { include_usage: true },
  };
  let text = "";
  let tokens: number | undefined;
  let first: number | undefined;
  let last = 0;
  for await (const chunk of client.stream("/v1/chat/completions", request, ChatCompletionChunk)) {
    tokens = chunk.usage?.completion_tokens ?? tokens;
    const content = chunk.choices[0]?.delta.content ?? "";
    if (content === "") continue;
    text += content;
    last = now();
    first ??= last;
  }
  if (tokens === undefined) throw new TrimtabError("internal_error", `The answer from ${model} has no usage.`);
  return { text: text.trim(), tokens, milliseconds: last - (first ?? last) };
}
