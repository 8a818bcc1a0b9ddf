import { DurableObject } from "cloudflare:workers";
import type { GenerateEvent } from "../../shared/decode/events.ts";
import { Sequence } from "../../shared/decode/sequence.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import { createRandom } from "../../shared/random.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import { type Env, heapLimitBytes } from "../env.ts";
import type { BatchJob } from "../serving/batch-loop.ts";
import { LoadOnce } from "../serving/load-once.ts";
import { encodePrompts, tokenLimit } from "../serving/prompt.ts";
import { encodeEvent, type GenerateRequest } from "../serving/protocol.ts";
import { requestedDeltas } from "../serving/requested-deltas.ts";
import { ServedModel } from "../serving/served-model.ts";
import { artefactId } from "./tenant/artefact-rows.ts";

/**
 * Models live at module scope: they outlive the object, which is dropped when it has been idle for some seconds, and come
 * back with the isolate's next request at no cost.
 */
const models = new LoadOnce<ServedModel>();

/** Bytes of events that may wait for one reader: several whole answers, and few enough for many readers that stand still. */
const MAX_BACKLOG = 2 * 1024 * 1024;

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** Serves one base model, and every delta and full fine-tune of it, to all tenants: one batch, one loop. */
export class Engine extends DurableObject<Env> {
  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/status") return Response.json(this.#status());
    const generate = (await request.json()) as GenerateRequest;
    return new Response(this.#generate(generate, request.signal), {
      headers: { "content-type": "application/x-ndjson" },
    });
  }

  /** Numbers for the metrics page. */
  #status(): { models: { digest: string; rows: number; waiting: number; heapBytes: number }[] } {
    const loaded = models.loaded().map(([digest, { loop, heapBytes }]) => {
      return { digest, rows: loop.activeRows, waiting: loop.waitingRows, heapBytes };
    });
    return { models: loaded };
  }

  /** The events of one request. Cancelling the stream takes its rows out of the batch before the next step. */
  #generate(request: GenerateRequest, signal: AbortSignal): ReadableStream<Uint8Array> {
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
          const emit = (event: GenerateEvent) => {
            if (cancelled) return;
            controller.enqueue(encodeEvent(event));
            if (controller.desiredSize! >= 0) return;
            // The batch waits for nobody, and what it makes has to lie somewhere.
            controller.enqueue(encodeEvent(errorEvent(fellBehind())));
            controller.close();
            cancelled = true;
            // Not at once: this is in the middle of a step.
            queueMicrotask(cancel);
          };
          this.#submit(request, emit, (stopJob) => {
            cancel = stopJob;
            if (cancelled) stopJob();
          })
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

  /** Resolves when the request is done; `onCancel` is given what takes it out of the batch early. */
  async #submit(
    request: GenerateRequest,
    emit: (event: GenerateEvent) => void,
    onCancel: (cancel: () => void) => void,
  ): Promise<void> {
    const model = await loadModel(this.env, request.model.base);
    const prompts = await encodePrompts(model, request.prompt, turn);
    const shelved = await model.deltas(request.tenant, request.model.deltas);
    try {
      const deltas = requestedDeltas(
        request.model.deltas.map(({ digest, weight }, i) => {
          return { id: artefactId({ kind: "delta", digest }), delta: shelved.values[i]!, weight };
        }),
        { endRank: model.loop.largestRank },
      );
      const sequences = createSequences(model, request, { prompts, lead: deltas.prefixTokens + deltas.virtualTokens });
      await this.#ride(model, request, { sequences, deltas, emit }, onCancel);
      const promptTokens = prompts.reduce((sum, prompt) => sum + prompt.length, 0);
      const completionTokens = sequences.reduce((sum, sequence) => sum + sequence.completionTokens, 0);
      emit({ type: "usage", promptTokens, completionTokens });
    } finally {
      shelved.release();
    }
  }

  /** Resolves when the last sequence has left the batch. */
  async #ride(
    model: ServedModel,
    request: GenerateRequest,
    job: Pick<BatchJob, "sequences" | "deltas" | "emit">,
    onCancel: (cancel: () => void) => void,
  ): Promise<void> {
    const { set, release } = await model.weights(request.model.weights);
    try {
      await new Promise<void>((resolve, reject) => {
        const settle = (error?: TrimtabError) => (error === undefined ? resolve() : reject(error));
        const riding: BatchJob = { ...job, weights: set, settle };
        model.loop.submit(riding);
        onCancel(() => model.loop.cancel(riding));
      });
    } finally {
      release();
    }
  }
}

/** The model, loaded once however many requests ask at the same time. Idle models make room for a new one. */
function loadModel(env: Env, folder: StoredFolder): Promise<ServedModel> {
  for (const [digest, model] of models.loaded()) if (model.loop.broken) models.forget(digest);
  return models.get(folder.digest, () => {
    // Forgetting a model is enough: its WASM memory goes with the last reference to it.
    for (const [digest, model] of models.loaded()) if (!model.busy) models.forget(digest);
    return ServedModel.load(env.BLOBS, folder, { heapLimitBytes: heapLimitBytes(env) });
  });
}

/** Choice p·n + i is the i-th of prompt p; each has a random stream of its own. `lead` positions stand before each prompt. */
function createSequences(
  model: ServedModel,
  request: GenerateRequest,
  { prompts, lead }: { prompts: readonly number[][]; lead: number },
): Sequence[] {
  const { sampling } = request;
  const { tokenizer } = model;
  const seed = sampling.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
  const stray = sampling.logitBias.find(([token]) => token >= model.config.vocabSize)?.[0];
  if (stray !== undefined) {
    throw new TrimtabError(
      "invalid_request",
      `the token ${stray} is outside the vocabulary of ${model.config.vocabSize}`,
      { param: `logit_bias.${stray}` },
    );
  }
  const isChat = request.prompt.kind === "chat";
  const param = isChat ? "messages" : "prompt";
  // A turn may end with another token than a text does.
  const endTokens = isChat ? new Set([...model.endTokens, ...model.template().stopIds]) : model.endTokens;
  return prompts.flatMap((prompt, p) => {
    const maxTokens = tokenLimit(model, prompt.length, { requested: sampling.maxTokens, param, lead });
    return Array.from({ length: sampling.n }, (_, i) => {
      const choice = p * sampling.n + i;
      const random = createRandom(seed, "choice", choice);
      return new Sequence({
        choice,
        prompt,
        sampling,
        maxTokens,
        stop: sampling.stop,
        endTokens,
        topLogprobs: sampling.topLogprobs,
        uniform: () => random.float(),
        decoder: tokenizer.stream({ skipSpecial: true }),
        describe: (token) => ({ token: tokenizer.decode([token]), bytes: [...tokenizer.bytesOf(token)] }),
      });
    });
  });
}

function fellBehind(): TrimtabError {
  return new TrimtabError(
    "capacity_exceeded",
    `The answer was read too slowly: more than ${MAX_BACKLOG} bytes of it waited. Read it as it comes, or ask for less.`,
  );
}

function errorEvent(error: unknown): GenerateEvent {
  if (error instanceof TrimtabError) {
    return { type: "error", code: error.code, message: error.message, param: error.param ?? null };
  }
  console.error("engine:", error);
  return { type: "error", code: "internal_error", message: `The engine failed: ${messageOf(error)}`, param: null };
}
