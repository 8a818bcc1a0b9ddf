import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { parseStrictJson } from "../../shared/formats/strict-json.ts";
import { type CallSyntaxResult, deriveCallSyntax } from "../../shared/model/calls/derive.ts";
import { type ChatTemplate, loadChatTemplate } from "../../shared/model/chat-template.ts";
import { type ModelConfig, parseModelConfig } from "../../shared/model/config.ts";
import { type GenerationDefaults, readGenerationConfig } from "../../shared/model/generation-config.ts";
import { loadTokenizer, type Tokenizer } from "../../shared/model/tokenizer.ts";
import { readModel, readWeights } from "../../shared/model/weights.ts";
import { vocabularyOf } from "../../shared/rules/vocabulary.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import { Decoder } from "../runtime/decoder.ts";
import { DeltaArena } from "../runtime/delta-arena.ts";
import { KvSlab } from "../runtime/kv-slab.ts";
import { planMemory, spareBytes, weightBytes } from "../runtime/memory-plan.ts";
import { loadOrtModule, type OrtModule } from "../runtime/ort-module.ts";
import { RowVectors } from "../runtime/row-vectors.ts";
import { type ServingDelta, servingDelta } from "../runtime/serving-delta.ts";
import { WeightSet } from "../runtime/weight-set.ts";
import { BatchLoop } from "./batch-loop.ts";
import { CompiledRules } from "./compiled-rules.ts";
import { type Acquired, DeltaCache } from "./delta-cache.ts";
import { deltaRoom, megabytes, pausedRoom, tenantQuota } from "./limits.ts";
import { yieldToEventLoop } from "./yield-to-event-loop.ts";

/** Prompt tokens per prefill. 32 of them take about as long as a few decoding steps. */
const CHUNK = 32;

/** A base model in memory with everything that serves it. One per base and isolate. */
export class ServedModel {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  /** What holds for requests that leave it open. */
  readonly defaults: GenerationDefaults;
  /** The tokens that end a text: the model's own, and the tokenizer's end-of-text and padding tokens. */
  readonly endTokens: ReadonlySet<number>;
  /** The longest prompt and completion together, in tokens, with what deltas put before them. */
  readonly capacity: number;
  readonly loop: BatchLoop;
  readonly #blobs: R2Bucket;
  readonly #ort: OrtModule;
  readonly #base: WeightSet;
  readonly #fineTunes: DeltaCache<WeightSet>;
  #holds = 0;
  #template: ChatTemplate | undefined;
  #callSyntax: CallSyntaxResult | undefined;
  /** What replies of chats may be held to. */
  readonly chatRules = new CompiledRules(() =>
    vocabularyOf(this.tokenizer, [...this.endTokens, ...this.template().stopIds], this.config.vocabSize),
  );
  /** What completions may be held to. */
  readonly textRules = new CompiledRules(() => vocabularyOf(this.tokenizer, this.endTokens, this.config.vocabSize));
  readonly #deltas: DeltaCache<ServingDelta>;

  private constructor(parts: {
    config: ModelConfig;
    tokenizer: Tokenizer;
    defaults: GenerationDefaults;
    capacity: number;
    loop: BatchLoop;
    blobs: R2Bucket;
    ort: OrtModule;
    base: WeightSet;
    deltas: DeltaCache<ServingDelta>;
    fineTunes: DeltaCache<WeightSet>;
  }) {
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.defaults = parts.defaults;
    this.endTokens = new Set([parts.tokenizer.eosId, parts.tokenizer.padId, ...parts.defaults.endTokens]);
    this.capacity = parts.capacity;
    this.loop = parts.loop;
    this.#blobs = parts.blobs;
    this.#ort = parts.ort;
    this.#base = parts.base;
    this.#deltas = parts.deltas;
    this.#fineTunes = parts.fineTunes;
  }

  /**
   * Loads a base from its folder. Throws `corrupt_blob` when stored bytes have changed, `invalid_model` when they make no
   * model, `capacity_exceeded` when it does not fit the heap.
   */
  static async load(blobs: R2Bucket, folder: StoredFolder, options: { heapLimitBytes: number }): Promise<ServedModel> {
    const files = new FolderReader(blobs, folder);
    const json = await readJson(files, "config.json");
    const stated = parseModelConfig(json);
    const template = files.has("chat_template.jinja") ? await files.text("chat_template.jinja") : undefined;
    const tokenizer = loadTokenizer(
      await readJson(files, "tokenizer.json"),
      await readJson(files, "tokenizer_config.json"),
      { chatTemplate: template, modelConfig: json },
    );
    const defaults = readGenerationConfig({
      generation: files.has("generation_config.json") ? await readJson(files, "generation_config.json") : undefined,
      config: json,
      vocabSize: stated.vocabSize,
    });
    // A model that cannot fit is refused before its weights are read.
    planMemory(stated, options.heapLimitBytes);
    const { config, weights } = await readModel(stated, files);
    const plan = planMemory(config, options.heapLimitBytes);
    const ort = await loadOrtModule({ heapLimitBytes: options.heapLimitBytes });
    const base = new WeightSet(ort, weights);
    const slab = new KvSlab(ort, config, plan);
    const arena = new DeltaArena(ort, config, { slots: plan.slots, floats: plan.arenaFloats });
    const vectors = new RowVectors(ort, config, plan.slots);
    const decoder = new Decoder(ort, config, { slab, arena, vectors }, { chunk: CHUNK });
    const quota = tenantQuota(plan.slots);
    const pausedBytes = pausedRoom(options.heapLimitBytes);
    const rows = { quota, pausedBytes, keepPrompts: true };
    const loop = new BatchLoop({ decoder, slab, arena, chunk: CHUNK, ...rows, yieldToEventLoop });
    const { capacity } = plan;
    return new ServedModel({
      config,
      tokenizer,
      defaults,
      capacity,
      loop,
      blobs,
      ort,
      base,
      deltas: deltaCache(deltaRoom(options.heapLimitBytes)),
      // One at a time at the least: where the plan has no room for it, the heap may have.
      fineTunes: weightCache(Math.max(weightBytes(config), spareBytes(config, options.heapLimitBytes, plan))),
    });
  }

  /** Throws `invalid_model` for a model without a chat template: it serves plain completions only. */
  template(): ChatTemplate {
    this.#template ??= loadChatTemplate(this.tokenizer, { clock: () => new Date() });
    return this.#template;
  }

  /** How the chat template writes tool calls, or why that cannot be followed. Throws as `template` does. */
  callSyntax(): CallSyntaxResult {
    this.#callSyntax ??= deriveCallSyntax(this.template(), this.tokenizer);
    return this.#callSyntax;
  }

  /** Whether it has to stay in memory. */
  get busy(): boolean {
    return this.#holds + this.loop.activeRows + this.loop.waitingRows > 0;
  }

  /** Keeps it in memory for a request that has nothing in its batch yet, until the result is called, once. */
  hold(): () => void {
    this.#holds++;
    return () => void this.#holds--;
  }

  get heapBytes(): number {
    return this.#ort.heapBytes();
  }

  /**
   * The weights of full fine-tunes, or the base's for null: waits until those of other requests leave room in the heap, and tenants
   * take turns. A request acquires all of its sets at once, after its deltas, so that two never wait for each other. `release` must be
   * called when the request is done: a set that nobody uses makes room for the next one.
   *
   * Throws `capacity_exceeded` for more sets than the heap holds, and as `deltas` does where too many requests wait.
   */
  async weights(folders: readonly ((StoredFolder & { tenant: string }) | null)[]): Promise<Acquired<WeightSet>> {
    const own = folders.flatMap((folder) => (folder === null ? [] : [folder]));
    const requests = own.map((folder) => {
      const key = `${folder.tenant}/${folder.digest}`;
      return { key, bytes: weightBytes(this.config), read: () => this.#loadFineTune(folder) };
    });
    const { values, release } = await this.#fineTunes.acquire(own[0]?.tenant ?? "", requests);
    let next = 0;
    return { values: folders.map((folder) => (folder === null ? this.#base : values[next++]!)), release };
  }

  /**
   * A request's deltas, from their serving forms, whatever methods made them: waits until those of other requests leave room.
   * The digest names the contents, so equal digests are equal. `release` must be called when the request is done.
   *
   * Throws `invalid_request` for more than there ever is room for, `capacity_exceeded` where too many requests wait,
   * `corrupt_blob` and `invalid_delta` for what is stored wrongly.
   */
  async deltas(tenant: string, folders: readonly StoredFolder[]): Promise<Acquired<ServingDelta>> {
    const requests = folders.map((folder) => {
      const key = `${tenant}/${folder.digest}`;
      const { bytes } = folder.files.find(({ name }) => name === SERVING_FILE) ?? { bytes: 0 };
      return { key, bytes, read: () => this.#readDelta(key, folder) };
    });
    return this.#deltas.acquire(tenant, requests);
  }

  async #readDelta(key: string, folder: StoredFolder): Promise<ServingDelta> {
    const bytes = await new FolderReader(this.#blobs, folder).bytes(SERVING_FILE);
    return servingDelta(key, decodeCanonical(bytes, this.config));
  }

  async #loadFineTune(folder: StoredFolder): Promise<WeightSet> {
    const weights = await readWeights(this.config, new FolderReader(this.#blobs, folder));
    const resume = await this.loop.pausePerturbing();
    try {
      return new WeightSet(this.#ort, weights);
    } finally {
      resume();
    }
  }
}

function deltaCache(capacity: number): DeltaCache<ServingDelta> {
  return new DeltaCache(capacity, (bytes) => {
    const both = `${megabytes(bytes)} MB together, but this model serves at most ${megabytes(capacity)} MB`;
    const message = `the request's deltas take ${both}; ask for fewer, or merge them with a lower rank`;
    return new TrimtabError("invalid_request", message, { param: "deltas" });
  });
}

function weightCache(capacity: number): DeltaCache<WeightSet> {
  const tooMany = (bytes: number) =>
    new TrimtabError(
      "capacity_exceeded",
      `the request's full fine-tunes take ${megabytes(bytes)} MB together, but the heap has room for ${megabytes(capacity)} MB of them; ask for fewer, or start the server with a larger ENGINE_HEAP_MB`,
    );
  return new DeltaCache(capacity, tooMany, (set) => set.dispose());
}

/** Parses a stored JSON file. Throws `invalid_model`, naming it, if it is not valid JSON. */
async function readJson(files: FolderReader, name: string): Promise<unknown> {
  return parseStrictJson(await files.text(name), name, "invalid_model");
}
