import { DurableObject } from "cloudflare:workers";
import type { ErrorEvent, GenerateEvent } from "../../shared/decode/events.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import { type Env, heapLimitBytes } from "../env.ts";
import { ScorerCaller } from "../scoring/call-scorer.ts";
import type { BatchCounts } from "../serving/batch-loop.ts";
import { generate } from "../serving/generate.ts";
import { judge } from "../serving/judge.ts";
import type { JudgeEvent, JudgeRequest } from "../serving/judge-protocol.ts";
import { LoadOnce } from "../serving/load-once.ts";
import { encodeEvent, type GenerateRequest } from "../serving/protocol.ts";
import { ServedModel } from "../serving/served-model.ts";
import { yieldToEventLoop } from "../serving/yield-to-event-loop.ts";
import { artefactId } from "./tenant/artefact-rows.ts";

/**
 * Models live at module scope: they outlive the object, which is evicted after a few idle seconds, and serve the
 * isolate's next request at no cost.
 */
const models = new LoadOnce<ServedModel>();

/**
 * How many bytes of events may wait for one reader: room for several whole answers, yet small enough that many readers
 * may stall.
 */
const MAX_BACKLOG = 2 * 1024 * 1024;

/** At module scope too: it knows which scorers fail, and how many calls are under way. */
let scorerCaller: ScorerCaller | undefined;

function callScorer(env: Env): ScorerCaller["call"] {
  scorerCaller ??= ScorerCaller.of(env);
  const caller = scorerCaller;
  return (scorer, request, options) => caller.call(scorer, request, options);
}

const EFFECTS = {
  deltaId: (digest: string) => artefactId({ kind: "delta", digest }),
  randomSeed: () => crypto.getRandomValues(new Uint32Array(1))[0]!,
  yieldToEventLoop,
};

interface ModelStatus extends BatchCounts {
  readonly digest: string;
  readonly rows: number;
  readonly waiting: number;
  /** Prompts of earlier requests kept in free slots. */
  readonly cachedPrompts: number;
  readonly heapBytes: number;
}

/** Serves one base model, and every delta and full fine-tune of it, to all tenants: one batch, one loop. */
export class Engine extends DurableObject<Env> {
  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/status") return Response.json(this.#status());
    const { signal } = request;
    const events =
      pathname === "/judge"
        ? eventsOf(this.#judging(await request.json()), signal)
        : eventsOf(this.#generation(await request.json()), signal);
    return new Response(events, { headers: { "content-type": "application/x-ndjson" } });
  }

  #generation(request: GenerateRequest): Work<GenerateEvent> {
    const loadBase = (folder: StoredFolder) => loadModel(this.env, folder);
    const outside = { callScorer: callScorer(this.env), loadBase };
    return async (emit, onStart) => {
      const model = await loadBase(request.model.base);
      await generate(model, request, { emit, onStart, ...outside, ...EFFECTS });
    };
  }

  #judging(request: JudgeRequest): Work<JudgeEvent> {
    return async (emit, onStart) => {
      const model = await loadModel(this.env, request.base);
      await judge(model, request, { emit, onStart, ...EFFECTS });
    };
  }

  /** What each model in memory is doing, and what it has done so far. */
  #status(): { models: ModelStatus[] } {
    const loaded = models.loaded().map(([digest, { loop, heapBytes }]): ModelStatus => {
      const { activeRows: rows, waitingRows: waiting, cachedPrompts } = loop;
      return { digest, rows, waiting, cachedPrompts, heapBytes, ...loop.counts };
    });
    return { models: loaded };
  }
}

/** Does what a request asks; `onStart` takes a function that cancels it. Rejects with the error that ends it. */
type Work<E> = (emit: (event: E) => void, onStart: (cancel: () => void) => void) => Promise<void>;

/** The events of one request. Cancelling the stream removes its rows from the batch before the next step. */
function eventsOf<E extends GenerateEvent | JudgeEvent>(
  work: Work<E>,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  let cancel = () => {};
  let cancelled = false;
  const stop = () => {
    cancelled = true;
    cancel();
  };
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        signal.addEventListener("abort", stop);
        if (signal.aborted) stop();
        const emit = (event: E | ErrorEvent) => {
          if (cancelled) return;
          controller.enqueue(encodeEvent(event));
          if (controller.desiredSize! >= 0) return;
          // The batch does not wait for readers, and unread events take memory.
          controller.enqueue(encodeEvent(errorEvent(fellBehind())));
          controller.close();
          cancelled = true;
          // Not now: a step is in progress.
          queueMicrotask(cancel);
        };
        const onStart = (cancelRequest: () => void) => {
          cancel = cancelRequest;
          if (cancelled) cancelRequest();
        };
        work(emit, onStart)
          .catch((error: unknown) => emit(errorEvent(error)))
          .finally(() => {
            signal.removeEventListener("abort", stop);
            if (!cancelled) controller.close();
          });
      },
      cancel: stop,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_BACKLOG }),
  );
}

/** The model, loaded once however many requests ask for it at the same time. Idle models make room for a new one. */
function loadModel(env: Env, folder: StoredFolder): Promise<ServedModel> {
  for (const [digest, model] of models.loaded()) if (model.loop.broken) models.forget(digest);
  return models.get(folder.digest, () => {
    // Forgetting a model is enough: its WASM memory is freed with the last reference to it.
    for (const [digest, model] of models.loaded()) if (!model.busy) models.forget(digest);
    return ServedModel.load(env.BLOBS, folder, { heapLimitBytes: heapLimitBytes(env) });
  });
}

function fellBehind(): TrimtabError {
  return new TrimtabError(
    "capacity_exceeded",
    `The answer was read too slowly: more than ${MAX_BACKLOG} bytes of it waited. Read it as it comes, or ask for less.`,
  );
}

function errorEvent(error: unknown): ErrorEvent {
  if (error instanceof TrimtabError) {
    return { type: "error", code: error.code, message: error.message, param: error.param ?? null };
  }
  console.error("engine:", error);
  return { type: "error", code: "internal_error", message: `The engine failed: ${messageOf(error)}`, param: null };
}
