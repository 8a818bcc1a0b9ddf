/** A model in memory that answers steered requests, as the Engine has it answer them. */
import { env } from "cloudflare:test";
import type { StoredFolder } from "../../../edge/blobs/stored-folder.ts";
import { generate as generateOn } from "../../../edge/serving/generate.ts";
import type { GenerateEvent, GenerateRequest, ResolvedDelta, ResolvedModel } from "../../../edge/serving/protocol.ts";
import { ServedModel } from "../../../edge/serving/served-model.ts";
import { yieldToEventLoop } from "../../../edge/serving/yield-to-event-loop.ts";
import { SteeringObject } from "../../../shared/api/steering.ts";
import type { SteeringTrace } from "../../../shared/decode/events.ts";
import { activeParts, referencesOf } from "../../../shared/decode/steering/asked.ts";
import type { CanonicalDelta } from "../../../shared/delta/canonical.ts";
import { encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { storeFolder } from "./stored-folder.ts";
import type { Folder } from "./tiny-base.ts";

const MIB = 1024 * 1024;

export interface Wish {
  readonly tenant?: string;
  /** The text to go on with; or the messages of a chat. */
  readonly prompt: readonly number[] | Extract<GenerateRequest["prompt"], { kind: "chat" }>["messages"];
  readonly maxTokens?: number;
  readonly n?: number;
  /** Of the request's own model. */
  readonly deltas?: readonly ResolvedDelta[];
  /** As a request has it; each name in it is one of `names`, or `base`. */
  readonly steering?: Record<string, unknown>;
  readonly names?: Readonly<Record<string, ResolvedModel>>;
  readonly conditional?: NonNullable<GenerateRequest["steering"]>["conditional"];
  /** A seed to draw with, at temperature 1; left out: the likeliest tokens. */
  readonly seed?: number;
  readonly settings?: GenerateRequest["sampling"]["settings"];
  /** Called at every token of the first choice, with how many there are. */
  readonly onToken?: (count: number, cancel: () => void) => void;
}

export interface Reply {
  /** Of the first choice. */
  readonly tokens: number[];
  readonly traces: SteeringTrace[];
  /** Of each choice. */
  readonly texts: string[];
  readonly usage?: Extract<GenerateEvent, { type: "usage" }>;
}

export class SteeredModel {
  readonly served: ServedModel;
  readonly base: ResolvedModel["base"];
  readonly #others: readonly SteeredModel[];

  private constructor(served: ServedModel, base: ResolvedModel["base"], others: readonly SteeredModel[]) {
    this.served = served;
    this.base = base;
    this.#others = others;
  }

  /** `others`: models in memory that its requests may steer with. */
  static async load(id: string, folder: Folder, others: readonly SteeredModel[] = []): Promise<SteeredModel> {
    const stored = await storeFolder(folder);
    const served = await ServedModel.load(env.BLOBS, stored, { heapLimitBytes: 64 * MIB });
    return new SteeredModel(served, { ...stored, id }, others);
  }

  /** The base with these deltas. */
  model(...deltas: readonly ResolvedDelta[]): ResolvedModel {
    return { base: this.base, weights: null, deltas };
  }

  /** The request's events; rejects with what ended it. A request that is cancelled ends without `usage`. */
  async ask(wish: Wish): Promise<Reply> {
    const reply = { tokens: [] as number[], traces: [] as SteeringTrace[], texts: [] as string[] };
    let usage: Reply["usage"];
    // As in the Engine: the first token may come before the request can be cancelled.
    let isCancelled = false;
    let stop = () => {};
    const cancel = () => {
      isCancelled = true;
      stop();
    };
    const emit = (event: GenerateEvent) => {
      if (event.type === "usage") usage = event;
      if (event.type !== "token") return;
      reply.texts[event.choice] = (reply.texts[event.choice] ?? "") + event.text;
      if (event.choice !== 0 || isCancelled) return;
      reply.tokens.push(...(event.logprobs ?? []).map(({ id }) => id));
      if (event.trace !== undefined) reply.traces.push(event.trace);
      wish.onToken?.(reply.tokens.length, cancel);
    };
    await generateOn(this.served, this.#requestOf(wish), {
      emit,
      onStart: (cancelRequest) => {
        stop = cancelRequest;
        if (isCancelled) stop();
      },
      deltaId: (digest) => digest.slice(0, 8),
      loadBase: async ({ digest }: StoredFolder) => this.#others.find(({ base }) => base.digest === digest)!.served,
      callScorer: async () => {
        throw new Error("this test has no scorer");
      },
      yieldToEventLoop,
      randomSeed: () => 1,
    });
    return { ...reply, ...(usage === undefined ? {} : { usage }) };
  }

  #requestOf({
    tenant = "acme",
    prompt,
    maxTokens = 8,
    n = 1,
    deltas = [],
    seed,
    settings,
    ...wish
  }: Wish): GenerateRequest {
    const chat = prompt.some((each) => typeof each !== "number");
    return {
      requestId: "r",
      tenant,
      model: this.model(...deltas),
      prompt: chat
        ? { kind: "chat", messages: prompt as never }
        : { kind: "text", prompts: [prompt as readonly number[]] },
      sampling: {
        settings: { temperature: seed === undefined ? 0 : 1, ...settings },
        seed: seed ?? null,
        maxTokens,
        ignoresEnd: true,
        stop: [],
        n,
        topLogprobs: 0,
      },
      ...(wish.steering === undefined ? {} : { steering: resolved(wish) }),
      traced: 1,
    };
  }
}

function resolved({
  steering,
  names = {},
  conditional = [],
}: Omit<Wish, "prompt">): NonNullable<GenerateRequest["steering"]> {
  const { rules, vectors: _, ...asked } = SteeringObject.parse(steering);
  const parts = activeParts(asked);
  const models = Object.fromEntries(referencesOf(parts).map(({ at, id }) => [at, names[id]!]));
  return { parts, models, conditional, ...(rules === undefined ? {} : { rules }) };
}

/** A delta as a request has it. */
export async function storedDelta(delta: CanonicalDelta, weight = 1): Promise<ResolvedDelta> {
  return { ...(await storeFolder(new Map([["serving.safetensors", encodeCanonical(delta)]]))), weight };
}
