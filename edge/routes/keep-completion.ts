/** Keeps a completion whose request has `store: true`. */
import type { Context } from "hono";
import type { KeptCompletion, KeptPrompt, Provenance } from "../../shared/api/kept-completions.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { RequestedDelta } from "../objects/tenant/resolve.ts";
import type { GeneratePrompt, Sampling } from "../serving/protocol.ts";
import { type Answer, type Choice, type Keep, plain } from "./answer.ts";
import type { AppEnv } from "./app-env.ts";
import type { Generation } from "./generation.ts";
import { messageContent } from "./reply-calls.ts";

/** What was asked, and what is known of the answer before it is there. */
export interface CompletionToKeep extends Pick<KeptCompletion, "id" | "kind" | "created"> {
  readonly model: string;
  readonly deltas: readonly RequestedDelta[];
  readonly prompt: GeneratePrompt;
  readonly sampling: Sampling;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly generation: Pick<Generation, "model" | "used" | "echo">;
}

/**
 * Refuses a prompt whose completion could not be kept, before it is paid for.
 *
 * @throws TrimtabError invalid_request for token ids, of which no text is known.
 */
export function requireKeepable(prompt: GeneratePrompt): void {
  if (prompt.kind === "chat" || prompt.prompts.every((text) => typeof text === "string")) return;
  const message = "`store` keeps prompts that are texts. Send the prompt as a text, or leave `store` out.";
  throw new TrimtabError("invalid_request", message, { param: "store" });
}

/**
 * Stores the whole answer. A reply ends only once this has, so that whoever has its end can give feedback on it.
 *
 * @param reply the reply of the API that was asked, which is always the same of one answer
 */
export function keeping(c: Context<AppEnv>, completion: CompletionToKeep, reply: (answer: Answer) => object): Keep {
  const keep = keepingReply(c, completion);
  return async (answer) => {
    const kept = { ...answer, choices: answer.choices.map(plain) };
    await keep(kept, reply(kept));
  };
}

/** Stores an answer with the reply that the client gets, without its scores. */
export function keepingReply(
  c: Context<AppEnv>,
  completion: CompletionToKeep,
): (answer: Answer, reply: object) => Promise<void> {
  const { id, kind, created, prompt, sampling, metadata = {} } = completion;
  return async ({ choices }, reply) => {
    const kept: KeptCompletion = {
      ...{ id, kind, created, metadata },
      choices: choices.map((choice) => ({ index: choice.index, message: answerMessage(choice) })),
      prompts: keptPrompts(prompt),
      perPrompt: sampling.n,
      made: provenance(completion),
      reply: reply as KeptCompletion["reply"],
    };
    await c.var.caller.object.kept.keep(kept);
  };
}

/** What a choice says, as a turn of a conversation. */
export function answerMessage({
  text,
  calls,
}: Pick<Choice, "text" | "calls">): KeptCompletion["choices"][number]["message"] {
  const { content, tool_calls } = messageContent(text, calls);
  return { role: "assistant", content: content ?? "", ...(tool_calls === undefined ? {} : { tool_calls }) };
}

/** What makes the texts of a generation. */
export function provenance({
  model,
  deltas,
  sampling,
  generation: { model: resolved, used, echo },
}: Pick<CompletionToKeep, "model" | "deltas" | "sampling" | "generation">): Provenance {
  const { base, weights } = resolved;
  return {
    model,
    base: { id: base.id, digest: base.digest },
    weights: weights?.digest ?? null,
    deltas: deltas.map(({ id, weight }) => ({ id, weight })),
    applied: resolved.deltas.map(({ digest, weight }) => ({ digest, weight })),
    ...echo,
    sampling: { temperature: used.temperature, top_p: used.topP, seed: sampling.seed, max_tokens: used.maxTokens },
  };
}

export function keptPrompts(prompt: GeneratePrompt): KeptPrompt[] {
  if (prompt.kind === "text") return prompt.prompts.map((text) => ({ text: String(text) }));
  const messages = prompt.messages.map((message) => ({ ...message }));
  const tools = prompt.tools?.functions.map((called) => ({ type: "function", function: { ...called } }));
  return [{ messages, ...(tools === undefined ? {} : { tools }) }];
}
