import type { Context } from "hono";
import { TrimtabError } from "../../shared/errors.ts";
import type { JudgedText, JudgeEvent, JudgeRequest } from "../serving/judge-protocol.ts";
import { decodeEvents } from "../serving/protocol.ts";
import type { AppEnv } from "./app-env.ts";

export interface Judging {
  /** Of the scorer; null without one. */
  readonly labels: readonly string[] | null;
  readonly hasChat: boolean;
  /** In the order of the request's texts. */
  readonly texts: readonly JudgedText[];
  /** Positions that were read, which are charged to the tenant as tokens of prompts. */
  readonly positions: number;
}

export type JudgingRequest = Omit<JudgeRequest, "requestId" | "tenant">;

/**
 * Has finished texts judged by the Engine of their base. What was read is charged to the tenant, also where it ends early.
 *
 * @throws TrimtabError what the Engine throws
 */
export async function judgeTexts(c: Context<AppEnv>, request: JudgingRequest, signal: AbortSignal): Promise<Judging> {
  const { caller, requestId } = c.var;
  const message: JudgeRequest = { requestId, tenant: caller.id, ...request };
  const engine = c.env.ENGINE.get(c.env.ENGINE.idFromName(request.base.id));
  const body = JSON.stringify(message);
  const response = await engine.fetch("https://engine/judge", { method: "POST", body, signal });
  if (!response.ok || response.body === null) throw brokenOff();
  const texts: JudgedText[] = [];
  let start: Extract<JudgeEvent, { type: "start" }> | undefined;
  let positions = 0;
  try {
    for await (const event of decodeEvents<JudgeEvent>(response.body)) {
      if (event.type === "error") {
        throw new TrimtabError(event.code, event.message, event.param === null ? {} : { param: event.param });
      }
      if (event.type === "start") start = event;
      else if (event.type === "judged") {
        const { logprobs, scores, rewards } = event;
        texts[event.index] = { logprobs, scores, rewards };
        positions += event.positions;
      } else if (start !== undefined) return { labels: start.labels, hasChat: start.hasChat, texts, positions };
    }
  } finally {
    if (positions > 0) c.executionCtx.waitUntil(caller.object.account.charge({ requests: 0, promptTokens: positions }));
  }
  throw brokenOff();
}

function brokenOff(): TrimtabError {
  return new TrimtabError("internal_error", "The engine's answer broke off. Send the request again.");
}
