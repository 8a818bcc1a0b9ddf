/** Asks the Engine of a base for a text, for a request or for work that an object does on its own. */
import { TrimtabError } from "../../shared/errors.ts";
import {
  decodeEvents,
  type GenerateEvent,
  type GenerateRequest,
  type ResolvedModel,
  type StartEvent,
} from "../serving/protocol.ts";

/** An event of the text itself. */
export type GoodEvent = Exclude<GenerateEvent, { type: "error" | "start" }>;

/** A generation that has begun: its first event of the text is there. */
export interface BegunGeneration {
  readonly model: ResolvedModel;
  /** The values that are used, the model's own defaults included. */
  readonly used: StartEvent;
  /** Ends after the `usage` event; throws where the Engine fails. Leaving it early ends the generation. */
  readonly events: AsyncGenerator<GoodEvent, void>;
}

export interface UsedTokens {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface AskingOptions {
  readonly engines: DurableObjectNamespace;
  /** Ends the generation. */
  readonly signal: AbortSignal;
  /** Told once what was used, however the generation ends. */
  readonly charge: (used: UsedTokens) => void;
}

/**
 * Starts a generation. What the Engine refuses is thrown here, before a reply has begun.
 *
 * @throws TrimtabError what the Engine throws, and internal_error where its answer breaks off
 */
export async function beginGeneration(
  message: GenerateRequest,
  { engines, signal, charge }: AskingOptions,
): Promise<BegunGeneration> {
  const engine = engines.get(engines.idFromName(message.model.base.id));
  const response = await engine.fetch("https://engine/generate", {
    method: "POST",
    body: JSON.stringify(message),
    signal,
  });
  if (!response.ok || response.body === null) {
    throw new TrimtabError("internal_error", `The engine answered ${response.status}. Send the request again.`);
  }
  let used: StartEvent | undefined;
  const good = goodEvents(response.body, (start) => {
    used = start;
  });
  const events = charged(good, charge);
  const first = await events.next();
  if (used === undefined) {
    await events.return();
    throw brokenOff();
  }
  return { model: message.model, used, events: first.done ? events : resumed(first.value, events) };
}

/** The Engine's events with its errors thrown, and an end without `usage` taken for one. */
async function* goodEvents(
  body: ReadableStream<Uint8Array>,
  onStart: (start: StartEvent) => void,
): AsyncGenerator<GoodEvent, void> {
  for await (const event of decodeEvents(body)) {
    if (event.type === "error") {
      throw new TrimtabError(event.code, event.message, event.param === null ? {} : { param: event.param });
    }
    if (event.type === "start") {
      onStart(event);
      continue;
    }
    yield event;
    if (event.type === "usage") return;
  }
  throw brokenOff();
}

function brokenOff(): TrimtabError {
  return new TrimtabError("internal_error", "The engine's answer broke off. Send the request again.");
}

async function* charged(
  events: AsyncGenerator<GoodEvent, void>,
  charge: AskingOptions["charge"],
): AsyncGenerator<GoodEvent, void> {
  let used = { promptTokens: 0, completionTokens: 0 };
  try {
    for await (const event of events) {
      if (event.type === "usage") used = { promptTokens: event.promptTokens, completionTokens: event.completionTokens };
      else if (event.type === "prompt") used.promptTokens += event.scores?.length ?? 0;
      else if (event.type === "token") used.completionTokens++;
      yield event;
    }
  } finally {
    charge(used);
  }
}

async function* resumed<T>(first: T, rest: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  try {
    yield first;
    yield* rest;
  } finally {
    // Where the reader left before the second event, `yield*` has not been reached.
    await rest.return();
  }
}
