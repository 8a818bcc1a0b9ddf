/** Log-probabilities of a prompt's tokens as vLLM reports them, and what asking for them means. */
import type { Context } from "hono";
import type { CreateCompletion } from "../../shared/api/completions.ts";
import type { PromptLogprobs } from "../../shared/api/generate.ts";
import type { PromptScore } from "../../shared/decode/events.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { AskedOfPrompts } from "../serving/protocol.ts";
import type { Choice } from "./answer.ts";
import type { AppEnv } from "./app-env.ts";

type Fields = Pick<CreateCompletion, "prompt_logprobs" | "stream" | "echo" | "logprobs">;

/**
 * What a request asks of its prompts; empty if it asks nothing.
 *
 * @throws TrimtabError unsupported_parameter for `prompt_logprobs` of a stream, whose chunks have no place for them
 */
export function askedOfPrompts({ prompt_logprobs: top, stream = false, echo = false, logprobs }: Fields): {
  readonly ofPrompts?: AskedOfPrompts;
} {
  if (top !== undefined && stream) {
    const message = "`prompt_logprobs` are not part of a stream. Leave `stream` out, or ask for `echo` and `logprobs`.";
    throw new TrimtabError("unsupported_parameter", message, { param: "prompt_logprobs" });
  }
  const tops = [...(top === undefined ? [] : [top]), ...(echo && logprobs !== undefined ? [logprobs] : [])];
  if (!echo && tops.length === 0) return {};
  return { ofPrompts: { text: echo, top: tops.length === 0 ? null : Math.max(...tops) } };
}

type Told = { readonly prompt_logprobs?: readonly (ReadonlyMap<string, TokenReport> | null)[] };
type TokenReport = NonNullable<PromptLogprobs[number]>[string];

/**
 * The part of a reply that says what the model made of a prompt, with `count` alternatives of each token; empty unless asked. The
 * prompt's own token comes first in each map, by which clients know it: JSON needs `orderedJson`.
 */
export function promptLogprobsOf({ prompt }: Pick<Choice, "prompt">, count: number | undefined): Told {
  const scores = prompt?.scores ?? null;
  if (count === undefined || scores === null) return {};
  return { prompt_logprobs: scores.map((score) => byId(score, count)) };
}

function byId({ id, token, logprob, rank, top }: PromptScore, count: number): Map<string, TokenReport> | null {
  if (logprob === null || rank === null) return null;
  const own = [String(id), { logprob, rank, decoded_token: token }] as const;
  const others = top.slice(0, count).map((one, i) => {
    return [String(one.id), { logprob: one.logprob, rank: i + 1, decoded_token: one.token }] as const;
  });
  return new Map([own, ...others.filter(([other]) => other !== own[0])]);
}

/** A reply of this JSON. The route's schema has said what it is. */
export function jsonReply(c: Context<AppEnv>, reply: object): never {
  return c.body(orderedJson(reply), 200, { "content-type": "application/json" }) as never;
}

/** JSON with maps as objects in the order of their entries; an object would have its numeric keys in ascending order. */
export function orderedJson(value: unknown): string {
  if (value instanceof Map) return members([...value]);
  if (Array.isArray(value)) return `[${value.map((item) => orderedJson(item ?? null)).join()}]`;
  if (typeof value === "object" && value !== null) return members(Object.entries(value));
  return JSON.stringify(value);
}

function members(entries: readonly (readonly [unknown, unknown])[]): string {
  const given = entries.filter(([, value]) => value !== undefined);
  return `{${given.map(([key, value]) => `${JSON.stringify(String(key))}:${orderedJson(value)}`).join()}}`;
}
