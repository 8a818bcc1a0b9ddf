import { createRoute } from "@hono/zod-openapi";
import { CompletionObject, CreateCompletion } from "../../shared/api/completions.ts";
import { newId } from "../../shared/api/ids.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { type Answer, answerLines, type ChoiceChange, type ChunkFormat, wholeAnswer } from "./answer.ts";
import { tenantAuth } from "./auth.ts";
import { logprobsOf } from "./completion-logprobs.ts";
import { generate } from "./generation.ts";
import { jsonBody } from "./json-body.ts";
import { keeping, requireKeepable } from "./keep-completion.ts";
import { askedOfPrompts, jsonReply, promptLogprobsOf } from "./prompt-logprobs.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { completionSampling, promptList } from "./sampling.ts";
import { sseResponse } from "./sse.ts";
import { type SteeringEcho, searchResult, steeringOf, tracesOf } from "./steering.ts";

const create = createRoute({
  method: "post",
  path: "/",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  middleware: jsonBody,
  summary: "Continue a text, at once or as server-sent events",
  request: { body: jsonRequest(CreateCompletion) },
  responses: replies(CompletionObject, "The continuation; with `stream`, text_completion events and then `[DONE]`"),
});

export const completions = subApp();
completions.post("/", tenantAuth("generation"));

completions.openapi(create, async (c) => {
  const request = c.req.valid("json");
  const prompts = promptList(request.prompt);
  const choices = prompts.length * (request.n ?? 1);
  if (choices > LIMITS.prompts) {
    throw new TrimtabError(
      "invalid_request",
      `\`n\` times the prompts must be at most ${LIMITS.prompts}, not ${choices}.`,
      {
        param: "n",
      },
    );
  }
  const ofPrompts = askedOfPrompts(request);
  // A client that counts tokens, some of them control tokens in its text, must be able to find them again.
  const isScored = (ofPrompts.ofPrompts?.top ?? null) !== null;
  const asked = {
    model: request.model,
    deltas: request.deltas ?? [],
    prompt: { kind: "text" as const, prompts, ...(isScored ? { readsControl: true } : {}) },
    sampling: completionSampling(request),
    ...ofPrompts,
  };
  if (request.store === true) requireKeepable(asked.prompt);
  const generation = await generate(c, { ...asked, ...steeringOf(request) });
  const head = {
    id: newId("completion", (bytes) => crypto.getRandomValues(bytes)),
    object: "text_completion" as const,
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    system_fingerprint: `fp_${generation.model.base.digest.slice(0, 12)}`,
  };
  const reply = ({ choices: made, usage }: Answer): CompletionObject => {
    return { ...head, choices: made.map((choice) => completionChoice(choice, request)), usage, ...generation.echo };
  };
  const { id, created } = head;
  const completion = { ...asked, id, created, kind: "text", metadata: request.metadata, generation } as const;
  const keep = request.store === true ? keeping(c, completion, reply) : undefined;
  if (request.stream === true) {
    const format = chunkFormat(head, request, generation.echo);
    return sseResponse(answerLines(generation.events, choices, { ...format, keep })) as never;
  }
  const answer = await wholeAnswer(generation.events, choices);
  await keep?.(answer);
  const whole = reply(answer);
  if (request.prompt_logprobs === undefined) return c.json(whole, 200);
  const told = answer.choices.map((choice, i) => {
    return { ...whole.choices[i], ...promptLogprobsOf(choice, request.prompt_logprobs) };
  });
  return jsonReply(c, { ...whole, choices: told });
});

type Head = Omit<CompletionObject, "choices" | "usage">;

function completionChoice(
  choice: ChoiceChange,
  { logprobs: top, echo = false }: CreateCompletion,
): CompletionObject["choices"][number] {
  const { index, prompt, text, scores, offset, traces, finishReason, search } = choice;
  const shown = echo && prompt !== undefined ? { prompt } : {};
  const logprobs = top === undefined ? null : logprobsOf({ scores, offset, ...shown }, top);
  // Completions have no tools.
  const reason = finishReason === "tool_calls" ? "stop" : finishReason;
  const steered = { ...tracesOf(traces), ...searchResult(search) };
  return { index, text: `${shown.prompt?.text ?? ""}${text}`, logprobs, finish_reason: reason, ...steered };
}

function chunkFormat(head: Head, request: CreateCompletion, echo: SteeringEcho): ChunkFormat {
  const { include_usage: includeUsage = false, include_obfuscation: obfuscate = false } = request.stream_options ?? {};
  const chunk = (part: Pick<CompletionObject, "choices" | "usage">): CompletionObject => ({
    ...head,
    ...(includeUsage ? { usage: null } : {}),
    ...part,
  });
  const begun = new Set<number>();
  /** The echo, in the first chunk of each choice. */
  const opening = (index: number) => {
    if (begun.has(index)) return {};
    begun.add(index);
    return echo;
  };
  return {
    change: (change) => ({ ...chunk({ choices: [completionChoice(change, request)] }), ...opening(change.index) }),
    obfuscate,
    ...(includeUsage ? { usage: (usage) => chunk({ choices: [], usage }) } : {}),
  };
}
