import { decodeCanonical, SERVING_FILE } from "../../shared/delta/canonical.ts";
import { type ChatTemplate, loadChatTemplate } from "../../shared/model/chat-template.ts";
import { type ModelConfig, parseModelConfig } from "../../shared/model/config.ts";
import { loadTokenizer, type Tokenizer } from "../../shared/model/tokenizer.ts";
import { readWeights } from "../../shared/model/weights.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import { Decoder } from "../runtime/decoder.ts";
import { DeltaArena } from "../runtime/delta-arena.ts";
import { KvSlab } from "../runtime/kv-slab.ts";
import { planMemory } from "../runtime/memory-plan.ts";
import { loadOrtModule, type OrtModule } from "../runtime/ort-module.ts";
import { RowVectors } from "../runtime/row-vectors.ts";
import { type ServingDelta, servingDelta } from "../runtime/serving-delta.ts";
import { WeightSet } from "../runtime/weight-set.ts";
import { BatchLoop } from "./batch-loop.ts";
import { BoundedCache } from "./bounded-cache.ts";
import type { StoredFolder } from "./engine-protocol.ts";
import { LoadOnce } from "./load-once.ts";

/** Prompt tokens per prefill. 32 of them take about as long as a few decoding steps. */
const CHUNK = 32;
/** Parsed deltas kept in JavaScript's memory, by their bytes. */
const DELTA_CACHE_BYTES = 16 * 1024 * 1024;

/** A base model in memory with everything that serves it. One per base and isolate. */
export class ServedModel {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly endTokens: ReadonlySet<number>;
  /** The longest prompt and completion together, in tokens, with what deltas put before them. */
  readonly capacity: number;
  readonly loop: BatchLoop;
  readonly #blobs: R2Bucket;
  readonly #ort: OrtModule;
  readonly #base: WeightSet;
  readonly #fineTunes = new LoadOnce<WeightSet>();
  /** How many requests use a full fine-tune, or wait for it. */
  readonly #users = new Map<string, number>();
  #template: ChatTemplate | undefined;
  readonly #deltas = new BoundedCache<ServingDelta>(DELTA_CACHE_BYTES);

  private constructor(parts: {
    config: ModelConfig;
    tokenizer: Tokenizer;
    endTokens: ReadonlySet<number>;
    capacity: number;
    loop: BatchLoop;
    blobs: R2Bucket;
    ort: OrtModule;
    base: WeightSet;
  }) {
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.endTokens = parts.endTokens;
    this.capacity = parts.capacity;
    this.loop = parts.loop;
    this.#blobs = parts.blobs;
    this.#ort = parts.ort;
    this.#base = parts.base;
  }

  /**
   * Loads a base from its folder. Throws `corrupt_blob` when stored bytes have changed, `invalid_model` when they make no
   * model, `capacity_exceeded` when it does not fit the heap.
   */
  static async load(blobs: R2Bucket, folder: StoredFolder, options: { heapLimitBytes: number }): Promise<ServedModel> {
    const files = new FolderReader(blobs, folder);
    const config = parseModelConfig(await files.json("config.json"));
    const template = files.has("chat_template.jinja") ? await files.text("chat_template.jinja") : undefined;
    const tokenizer = loadTokenizer(
      await files.json("tokenizer.json"),
      await files.json("tokenizer_config.json"),
      template,
    );
    const generation = files.has("generation_config.json") ? await files.json("generation_config.json") : {};
    const plan = planMemory(config, options.heapLimitBytes);
    const ort = await loadOrtModule({ heapLimitBytes: options.heapLimitBytes });
    const base = new WeightSet(ort, await readWeights(config, files));
    const slab = new KvSlab(ort, config, plan);
    const arena = new DeltaArena(ort, config, { slots: plan.slots, numbers: plan.arenaNumbers });
    const vectors = new RowVectors(ort, config, plan.slots);
    const decoder = new Decoder(ort, config, { slab, arena, vectors }, { chunk: CHUNK });
    const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
    const loop = new BatchLoop({ decoder, slab, arena, chunk: CHUNK, turn });
    const { capacity } = plan;
    return new ServedModel({
      config,
      tokenizer,
      endTokens: endTokens(tokenizer, generation),
      capacity,
      loop,
      blobs,
      ort,
      base,
    });
  }

  /** Throws `invalid_model` for a model without a chat template: it serves plain completions only. */
  template(): ChatTemplate {
    this.#template ??= loadChatTemplate(this.tokenizer);
    return this.#template;
  }

  get busy(): boolean {
    return this.loop.activeRows + this.loop.waitingRows > 0;
  }

  get heapBytes(): number {
    return this.#ort.heapBytes();
  }

  /**
   * The weights of a full fine-tune, or the base's. `release` must be called when the request is done: a set that nobody uses
   * makes room for the next one.
   */
  async weights(folder: (StoredFolder & { tenant: string }) | null): Promise<{ set: WeightSet; release: () => void }> {
    if (folder === null) return { set: this.#base, release: () => {} };
    const key = `${folder.tenant}/${folder.digest}`;
    const count = (by: number) => this.#users.set(key, (this.#users.get(key) ?? 0) + by);
    count(1);
    try {
      const set = await this.#fineTunes.get(key, () => this.#loadFineTune(folder));
      return { set, release: () => void count(-1) };
    } catch (error) {
      count(-1);
      throw error;
    }
  }

  /** A delta, from its serving form, whatever method made it. The digest names the contents, so equal digests are equal. */
  async delta(tenant: string, folder: StoredFolder): Promise<ServingDelta> {
    const key = `${tenant}/${folder.digest}`;
    const known = this.#deltas.get(key);
    if (known !== undefined) return known;
    const bytes = await new FolderReader(this.#blobs, folder).bytes(SERVING_FILE);
    const delta = servingDelta(key, decodeCanonical(bytes, this.config));
    this.#deltas.set(key, delta, bytes.byteLength);
    return delta;
  }

  async #loadFineTune(folder: StoredFolder): Promise<WeightSet> {
    const weights = await readWeights(this.config, new FolderReader(this.#blobs, folder));
    for (const [key, set] of this.#fineTunes.loaded()) {
      if ((this.#users.get(key) ?? 0) > 0) continue;
      this.#fineTunes.forget(key);
      this.#users.delete(key);
      set.dispose();
    }
    return new WeightSet(this.#ort, weights);
  }
}

/** The tokens that end a text: those of generation_config.json, and the tokenizer's end-of-text and padding tokens. */
function endTokens(tokenizer: Tokenizer, generation: unknown): ReadonlySet<number> {
  const configured = (generation as { eos_token_id?: number | number[] | null }).eos_token_id ?? [];
  return new Set([tokenizer.eosId, tokenizer.padId, ...(Array.isArray(configured) ? configured : [configured])]);
}
