import { createRoute } from "@hono/zod-openapi";
import {
  ChatCompletion,
  type ChatCompletionChunk,
  type ChatLogprobs,
  CreateChatCompletion,
} from "../../shared/api/chat.ts";
import { newId } from "../../shared/api/ids.ts";
import { answerLines, type Choice, type ChunkFormat, reportedScores, type TokenScore, wholeAnswer } from "./answer.ts";
import { tenantAuth } from "./auth.ts";
import { generate } from "./generation.ts";
import { jsonBodyKeeping } from "./json-body.ts";
import { deltaContent, messageContent } from "./reply-calls.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { chatSampling, engineMessages, engineTools } from "./sampling.ts";
import { sseResponse } from "./sse.ts";

const create = createRoute({
  method: "post",
  path: "/",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  // A schema of null, or a null in arguments, says something.
  middleware: jsonBodyKeeping("parameters", "arguments"),
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
    prompt: { kind: "chat", messages: engineMessages(request.messages), ...engineTools(request) },
    sampling: chatSampling(request),
  });
  const head = {
    id: newId("chat", (bytes) => crypto.getRandomValues(bytes)),
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    system_fingerprint: `fp_${generation.model.base.digest.slice(0, 12)}`,
  };
  const n = request.n ?? 1;
  if (request.stream === true) {
    return sseResponse(answerLines(generation.events, n, chunkFormat(head, request))) as never;
  }
  const { choices, usage } = await wholeAnswer(generation.events, n);
  return c.json({ ...head, object: "chat.completion" as const, choices: choices.map(chatChoice), usage }, 200);
});

type Head = Pick<ChatCompletion, "id" | "created" | "model" | "system_fingerprint">;

function chatChoice({ index, text, scores, calls, finishReason }: Choice): ChatCompletion["choices"][number] {
  return {
    index,
    message: { role: "assistant", refusal: null, ...messageContent(text, calls) },
    logprobs: logprobsOf(scores),
    finish_reason: finishReason ?? "stop",
  };
}

function chunkFormat(
  head: Head,
  { stream_options: options = {}, tools = [] }: Pick<CreateChatCompletion, "stream_options" | "tools">,
): ChunkFormat {
  const { include_usage: includeUsage = false, include_obfuscation: obfuscate = false } = options;
  const chunk = (part: Pick<ChatCompletionChunk, "choices" | "usage">): ChatCompletionChunk => ({
    ...head,
    object: "chat.completion.chunk",
    ...(includeUsage ? { usage: null } : {}),
    ...part,
  });
  const ofChoice = (index: number, change: Partial<ChatCompletionChunk["choices"][number]>) =>
    chunk({ choices: [{ index, delta: {}, logprobs: null, finish_reason: null, ...change }] });
  return {
    opening: (index, first) =>
      ofChoice(index, { delta: { role: "assistant", content: first?.calls === undefined ? "" : null } }),
    opensLate: tools.length > 0,
    change: ({ index, text, scores, calls, finishReason }) =>
      finishReason === null
        ? ofChoice(index, { delta: deltaContent(text, calls), logprobs: logprobsOf(scores) })
        : ofChoice(index, { finish_reason: finishReason }),
    obfuscate,
    ...(includeUsage ? { usage: (usage) => chunk({ choices: [], usage }) } : {}),
  };
}

function logprobsOf(scores: readonly TokenScore[] | null): ChatLogprobs | null {
  if (scores === null) return null;
  return { content: reportedScores(scores), refusal: null };
}
