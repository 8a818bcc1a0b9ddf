/** The embedded base as the Engine serves it, asked with `steering` objects as the API takes them. */
import type { StoredFolder } from "../../../edge/blobs/stored-folder.ts";
import { generate } from "../../../edge/serving/generate.ts";
import { judge } from "../../../edge/serving/judge.ts";
import type { FinishedText } from "../../../edge/serving/judge-protocol.ts";
import type { EngineMessage, GenerateRequest, ResolvedModel } from "../../../edge/serving/protocol.ts";
import { ServedModel } from "../../../edge/serving/served-model.ts";
import { yieldToEventLoop } from "../../../edge/serving/yield-to-event-loop.ts";
import { folderDigest } from "../../../shared/api/artefacts.ts";
import { SteeringObject } from "../../../shared/api/steering.ts";
import type { SteeringTrace } from "../../../shared/decode/events.ts";
import { activeParts, referencesOf } from "../../../shared/decode/steering/asked.ts";
import type { CanonicalDelta } from "../../../shared/delta/canonical.ts";
import type { Reward } from "../../../shared/delta/reward.ts";
import { encodeCanonical, SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";

const TENANT = "acme";
/** Room for as many rows as a batch can have. */
const HEAP_BYTES = 512 * 1024 * 1024;

/** Requests that wait or run: enough to fill a batch, and fewer than may wait. */
const AT_ONCE = 16;

export type Folder = ReadonlyMap<string, Uint8Array>;
export type Steering = Parameters<typeof SteeringObject.parse>[0];

export interface Asked {
  /** A completion's text, or a chat's messages. */
  readonly prompt: string | readonly EngineMessage[];
  readonly steering?: unknown;
  /** The deltas that the request's own model has, with their weights; none by default. */
  readonly deltas?: Readonly<Record<string, number>>;
  /** 1 by default; 0 takes the likeliest token. */
  readonly temperature?: number;
  readonly maxTokens: number;
  readonly seed?: number;
  readonly samples?: number;
  readonly stop?: readonly string[];
  readonly traced?: boolean;
  /** Whether to go on behind tokens that end the text. */
  readonly endless?: boolean;
}

export interface Reply {
  readonly text: string;
  /** Whether it ended by itself. */
  readonly ended: boolean;
  readonly ids: readonly number[];
  /** Of all tokens under the base itself, as the reply's prompt has it. */
  readonly logprob: number;
  /** If asked for. */
  readonly traces: readonly SteeringTrace[];
}

export interface Replies {
  readonly replies: readonly Reply[];
  readonly completionTokens: number;
  /** Positions that steering computed beside the texts' own. */
  readonly steeringTokens: number;
}

async function stored(files: Folder, blobs: Map<string, Uint8Array>): Promise<StoredFolder> {
  const list = await Promise.all(
    [...files].map(async ([name, bytes]) => ({ name, bytes: bytes.length, sha256: await sha256Hex(bytes) })),
  );
  const digest = await folderDigest(list);
  for (const [name, bytes] of files) blobs.set(`${digest}/${name}`, bytes);
  return { digest, prefix: `${digest}/`, files: list };
}

export type SteeredModel = Awaited<ReturnType<typeof openSteeredModel>>;

/** Loads the base and keeps the deltas under their names. */
export async function openSteeredModel(base: Folder, deltas: Readonly<Record<string, CanonicalDelta>>) {
  const blobs = new Map<string, Uint8Array>();
  const get = async (key: string) => ({ arrayBuffer: async () => blobs.get(key)!.slice().buffer });
  const bucket = { get } as unknown as R2Bucket;
  const own: ResolvedModel = {
    base: { ...(await stored(base, blobs)), id: "trimtab-base" },
    weights: null,
    deltas: [],
  };
  const folders = new Map<string, StoredFolder>();
  for (const [name, delta] of Object.entries(deltas)) {
    folders.set(name, await stored(new Map([[SERVING_FILE, encodeCanonical(delta)]]), blobs));
  }
  const served = await ServedModel.load(bucket, own.base, { heapLimitBytes: HEAP_BYTES });

  const resolve = (given: unknown): GenerateRequest["steering"] => {
    if (given === undefined) return undefined;
    const { vectors: _, rules, ...asked } = SteeringObject.parse(given);
    const parts = activeParts(asked);
    const models = referencesOf(parts).map(({ at, id, weight }): [string, ResolvedModel] => {
      return [at, { ...own, deltas: [{ ...folders.get(id)!, weight }] }];
    });
    return { parts, models: Object.fromEntries(models), conditional: [], rules };
  };

  return {
    served,
    tokenizer: served.tokenizer,
    /** What each of the deltas, reward models, says of finished texts, as POST /v1/rewards asks it: by text and model. */
    async rewards(names: readonly string[], finished: readonly FinishedText[]): Promise<(readonly Reward[])[]> {
      const found: (readonly Reward[])[] = [];
      const rewards = names.map((name) => {
        return { name, param: "model", model: { ...own, deltas: [{ ...folders.get(name)!, weight: 1 }] } };
      });
      await judge(
        served,
        { requestId: "effects", tenant: TENANT, base: own.base, prompts: [], finished, rewards },
        {
          emit(event) {
            if (event.type === "judged") found[event.index] = event.rewards!;
            else if (event.type === "error") throw new Error(event.message);
          },
          onStart: () => undefined,
          deltaId: (digest) => digest,
          yieldToEventLoop,
        },
      );
      return found;
    },
    /** Asks once. Throws what the request is refused with. */
    async ask(asked: Asked): Promise<Replies> {
      const {
        prompt,
        temperature = 1,
        maxTokens,
        seed = 1,
        samples = 1,
        stop = [],
        traced = false,
        endless = false,
      } = asked;
      const steering = resolve(asked.steering);
      const request: GenerateRequest = {
        requestId: "effects",
        tenant: TENANT,
        model: {
          ...own,
          deltas: Object.entries(asked.deltas ?? {}).map(([id, weight]) => ({ ...folders.get(id)!, weight })),
        },
        prompt: typeof prompt === "string" ? { kind: "text", prompts: [prompt] } : { kind: "chat", messages: prompt },
        sampling: { settings: { temperature }, seed, maxTokens, stop, n: samples, topLogprobs: 0, ignoresEnd: endless },
        ...(steering === undefined ? {} : { steering }),
        ...(traced ? { traced: 1 } : {}),
      };
      const texts = Array.from({ length: samples }, () => ({
        text: "",
        ended: false,
        ids: [] as number[],
        logprob: 0,
        traces: [] as SteeringTrace[],
      }));
      let usage = { completionTokens: 0, steeringTokens: 0 };
      await generate(served, request, {
        emit(event) {
          if (event.type === "token") {
            const of = texts[event.choice]!;
            of.text += event.text;
            for (const { id, logprob } of event.logprobs ?? []) {
              of.ids.push(id);
              of.logprob += logprob;
            }
            if (event.trace !== undefined) of.traces.push(event.trace);
          } else if (event.type === "finish") texts[event.choice]!.ended = event.reason === "stop";
          else if (event.type === "usage")
            usage = { completionTokens: event.completionTokens, steeringTokens: event.steeringTokens ?? 0 };
          else if (event.type === "error") throw new Error(event.message);
        },
        onStart: () => undefined,
        deltaId: (digest) => digest,
        callScorer: async () => {
          throw new Error("these requests have no scorer");
        },
        loadBase: () => Promise.reject(new Error("another base was asked for")),
        yieldToEventLoop,
        randomSeed: () => 0,
      });
      return { replies: texts, ...usage };
    },
    /** Asks all, as many at a time as share a batch; each has its own seed. */
    async askAll(all: readonly Asked[]): Promise<Replies[]> {
      const answers: Replies[] = [];
      let next = 0;
      const askOn = async () => {
        for (let i = next++; i < all.length; i = next++) {
          answers[i] = await this.ask({ ...all[i]!, seed: 1_000 * (all[i]!.seed ?? 1) + i });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, askOn));
      return answers;
    },
  };
}
