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
  const asked = {
    model: request.model,
    deltas: request.deltas ?? [],
    prompt: { kind: "text" as const, prompts },
    sampling: completionSampling(request),
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
    return { ...head, choices: made.map(completionChoice), usage, ...generation.echo };
  };
  const { id, created } = head;
  const completion = { ...asked, id, created, kind: "text", metadata: request.metadata, generation } as const;
  const keep = request.store === true ? keeping(c, completion, reply) : undefined;
  if (request.stream === true) {
    const format = chunkFormat(head, { ...request.stream_options, echo: generation.echo });
    return sseResponse(answerLines(generation.events, choices, { ...format, keep })) as never;
  }
  const answer = await wholeAnswer(generation.events, choices);
  await keep?.(answer);
  return c.json(reply(answer), 200);
});

type Head = Omit<CompletionObject, "choices" | "usage">;

function completionChoice(choice: ChoiceChange): CompletionObject["choices"][number] {
  const { index, text, traces, finishReason, search } = choice;
  // Completions have no tools.
  const reason = finishReason === "tool_calls" ? "stop" : finishReason;
  const steered = { ...tracesOf(traces), ...searchResult(search) };
  return { index, text, logprobs: logprobsOf(choice), finish_reason: reason, ...steered };
}

type StreamOptions = NonNullable<CreateCompletion["stream_options"]>;

function chunkFormat(
  head: Head,
  {
    include_usage: includeUsage = false,
    include_obfuscation: obfuscate = false,
    echo,
  }: StreamOptions & { readonly echo: SteeringEcho },
): ChunkFormat {
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
    change: (change) => ({ ...chunk({ choices: [completionChoice(change)] }), ...opening(change.index) }),
    obfuscate,
    ...(includeUsage ? { usage: (usage) => chunk({ choices: [], usage }) } : {}),
  };
}
