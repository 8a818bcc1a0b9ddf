import { createRoute } from "@hono/zod-openapi";
import {
  ChatCompletion,
  type ChatCompletionChunk,
  type ChatLogprobs,
  CreateChatCompletion,
} from "../../shared/api/chat.ts";
import { errorResponse } from "../../shared/api/errors.ts";
import { newId } from "../../shared/api/ids.ts";
import type { GenerateEvent } from "../serving/protocol.ts";
import { tenantAuth } from "./auth.ts";
import { type Generation, generate, usageCounts } from "./generation.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { chatSampling, engineMessages } from "./sampling.ts";
import { sseData, sseResponse } from "./sse.ts";

const create = createRoute({
  method: "post",
  path: "/",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  middleware: jsonBody,
  summary: "Answer a conversation, at once or as server-sent events",
  request: { body: jsonRequest(CreateChatCompletion) },
  responses: replies(ChatCompletion, "The answer; with `stream`, chat.completion.chunk events and then `[DONE]`"),
});

export const chat = subApp();
chat.use("*", tenantAuth("generation"));

chat.openapi(create, async (c) => {
  const request = c.req.valid("json");
  const generation = await generate(c, {
    model: request.model,
    deltas: request.deltas ?? [],
    prompt: { kind: "chat", messages: engineMessages(request.messages) },
    sampling: chatSampling(request),
  });
  const head = {
    id: newId("chat", (bytes) => crypto.getRandomValues(bytes)),
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    system_fingerprint: `fp_${generation.model.base.digest.slice(0, 12)}`,
  };
  if (request.stream !== true) return c.json(await whole(head, generation, request.n ?? 1), 200);
  const lines = chunks(head, generation, { n: request.n ?? 1, usage: request.stream_options?.include_usage === true });
  return sseResponse(lines) as never;
});

type Head = Pick<ChatCompletion, "id" | "created" | "model" | "system_fingerprint">;
type TokenEvent = Extract<GenerateEvent, { type: "token" }>;

async function whole(head: Head, { events }: Generation, n: number): Promise<ChatCompletion> {
  const choices = Array.from({ length: n }, (_, index): ChatCompletion["choices"][number] => ({
    index,
    message: { role: "assistant", content: "", refusal: null },
    logprobs: null,
    finish_reason: "stop",
  }));
  let usage = usageCounts({ promptTokens: 0, completionTokens: 0 });
  for await (const event of events) {
    if (event.type === "usage") {
      usage = usageCounts(event);
      continue;
    }
    const choice = choices[event.choice];
    if (choice === undefined) continue;
    if (event.type === "finish") choice.finish_reason = event.reason;
    else {
      choice.message.content += event.text;
      const more = logprobsOf(event);
      if (more !== null) {
        choice.logprobs ??= { content: [], refusal: null };
        choice.logprobs.content?.push(...(more.content ?? []));
      }
    }
  }
  return { ...head, object: "chat.completion", choices, usage };
}

async function* chunks(
  head: Head,
  { events }: Generation,
  options: { n: number; usage: boolean },
): AsyncGenerator<string, void> {
  const line = (part: Pick<ChatCompletionChunk, "choices" | "usage">) =>
    sseData({
      ...head,
      object: "chat.completion.chunk",
      ...(options.usage ? { usage: null } : {}),
      ...part,
    } satisfies ChatCompletionChunk);
  const delta = (index: number, change: Partial<ChatCompletionChunk["choices"][number]>) =>
    line({ choices: [{ index, delta: {}, logprobs: null, finish_reason: null, ...change }] });
  try {
    for (let index = 0; index < options.n; index++) {
      yield delta(index, { delta: { role: "assistant", content: "" } });
    }
    for await (const event of events) {
      if (event.type === "token" && (event.text !== "" || event.logprobs !== undefined)) {
        yield delta(event.choice, { delta: { content: event.text }, logprobs: logprobsOf(event) });
      } else if (event.type === "finish") {
        yield delta(event.choice, { finish_reason: event.reason });
      } else if (event.type === "usage" && options.usage) {
        yield line({ choices: [], usage: usageCounts(event) });
      }
    }
    yield "data: [DONE]\n\n";
  } catch (error) {
    yield sseData(errorResponse(error));
  } finally {
    await events.return();
  }
}

function logprobsOf(event: TokenEvent): ChatLogprobs | null {
  if (event.logprobs === undefined) return null;
  const content = event.logprobs.map(({ top, ...token }) => ({
    ...withBytes(token),
    top_logprobs: top.map(withBytes),
  }));
  return { content, refusal: null };
}

function withBytes(token: { token: string; logprob: number; bytes: readonly number[] }) {
  return { token: token.token, logprob: token.logprob, bytes: [...token.bytes] };
}
