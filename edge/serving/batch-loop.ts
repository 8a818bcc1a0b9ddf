import { type Sample, Sampler } from "../../shared/decode/sampler.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import type { Decoder, PrefillChunk } from "../runtime/decoder.ts";
import type { DeltaArena } from "../runtime/delta-arena.ts";
import type { KvSlab } from "../runtime/kv-slab.ts";
import type { RowDeltas } from "../runtime/serving-delta.ts";
import { decodingRuns } from "./decoding-runs.ts";
import type { BatchRequest, Generation } from "./generation.ts";
import { MAX_WAITING, MAX_WAITING_OF_TENANT, tooManyColumns } from "./limits.ts";
import { PerturbingTurns, requireRoomToPerturb } from "./perturbing-turns.ts";
import { Rest } from "./rest.ts";
import { mostDeltas, nonFinite, type OpenGeneration, Row } from "./row.ts";
import { sampleEach, sampleRequest, viewOf } from "./sampling-step.ts";
import { type Room, Scheduler } from "./scheduler.ts";
import { type BeamBatch, stepBeams } from "./search/step-beams.ts";
import { type Move, Slots } from "./slots.ts";
import type { StepStates } from "./step-states.ts";

/**
 * A request reaches the loop through several objects on the same thread, and each hop is a separate task. Letting
 * several of them run costs almost nothing next to a prompt chunk, which takes as long as ten steps.
 */
const YIELDS_AFTER_PREFILL = 4;

export interface BatchLoopOptions {
  readonly decoder: Decoder;
  readonly slab: KvSlab;
  readonly arena: DeltaArena;
  /** Prompt tokens per prefill: how long one new request may delay all others. */
  readonly chunk: number;
  /** The most rows that one tenant may hold at a time; all by default. */
  readonly quota?: number;
  /** Whether prompts stay in free slots for later requests; false by default. */
  readonly keepPrompts?: boolean;
  /** Waits for a real timer, so that new requests, disconnects and written bytes get through between two steps. */
  readonly yieldToEventLoop: () => Promise<void>;
}

/** What the loop has done since it was created. */
export interface BatchCounts {
  /** Positions computed before the first generated token of each row, excluding those copied from other rows. */
  readonly prefilledPositions: number;
  readonly decodedTokens: number;
}

interface OpenRequest {
  /** The generations that have not ended. */
  readonly left: Set<OpenGeneration>;
  cachedTokens: number;
  steeringTokens: number;
}

/**
 * Continuous batching: one loop serves every open stream of a model. Each turn admits what fits, prefills one chunk of
 * one prompt, decodes one token for every row that has one pending, and then chooses the next token of each generation
 * for which all rows have logits.
 */
export class BatchLoop {
  readonly #options: BatchLoopOptions;
  readonly #slots: Slots;
  readonly #scheduler: Scheduler<OpenGeneration>;
  readonly #sampler = new Sampler();
  readonly #perturbing: PerturbingTurns;
  readonly #open = new Map<BatchRequest, OpenRequest>();
  /** For each tenant with rows, the last turn that prefilled one of its chunks. */
  readonly #lastPrefill = new Map<string, number>();
  readonly #rest = new Rest();
  #turn = 0;
  #running = false;
  /** Whether the rows' deltas are where the decoder reads them. */
  #arranged = true;
  #broken = false;
  #counts = { prefilledPositions: 0, decodedTokens: 0 };

  constructor(options: BatchLoopOptions) {
    const { slab, chunk, quota = slab.slots, keepPrompts = false } = options;
    this.#options = options;
    this.#slots = new Slots({ slab, chunk, keepPrompts });
    this.#perturbing = new PerturbingTurns(options.decoder.perturber, this.#slots);
    this.#scheduler = new Scheduler({
      slots: slab.slots,
      quota,
      patience: slab.slots,
      waitingOfTenant: MAX_WAITING_OF_TENANT,
      waiting: MAX_WAITING,
    });
  }

  /** The highest total rank that one row's deltas can have in a layer. */
  get largestRank(): number {
    return this.#options.arena.largest("factors");
  }

  /** Takes the memory for the logits after these layers. Throws `capacity_exceeded` where the heap has no room for them. */
  reserve(exits: readonly number[]): void {
    this.#options.decoder.reserve({ taps: [], exits });
  }

  /** Throws `invalid_request` for a generation whose memory is to be perturbed and never can be. */
  requireRoom(generation: Generation, { perturbedBy }: { readonly perturbedBy?: string | undefined }): void {
    if (perturbedBy !== undefined) requireRoomToPerturb(this.#options.decoder.perturber, generation, perturbedBy);
  }

  /** Frees what perturbed texts hold of the heap, once they have ended; none begins until the result is called. */
  pausePerturbing(): Promise<() => void> {
    return this.#perturbing.pause();
  }

  /** The most rows that one tenant may hold at a time. */
  get quota(): number {
    return this.#options.quota ?? this.#options.slab.slots;
  }

  get activeRows(): number {
    return this.#scheduler.runningRows;
  }

  get waitingRows(): number {
    return this.#scheduler.waitingRows;
  }

  get cachedPrompts(): number {
    return this.#slots.cachedPrompts;
  }

  get counts(): BatchCounts {
    return { ...this.#counts };
  }

  /** The runtime failed in a way that leaves its memory in doubt: reload the model. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Queues the generations of one request, or of several of one tenant, all of them or none, and starts the loop if it is idle.
   * Throws, with nothing queued, `capacity_exceeded` if too many are waiting already, and `invalid_request` for a generation with
   * more rows than a tenant may hold.
   */
  submit(...requests: readonly BatchRequest[]): void {
    const opened = requests.map((request) => {
      const { tenant } = request;
      const generations = request.generations.map((generation): OpenGeneration => {
        return {
          request,
          generation,
          tenant,
          rows: generation.rows.length,
          members: [],
          waiting: false,
          steeringTokens: 0,
          probes: { length: 0, counted: new Set() },
        };
      });
      return { request, generations };
    });
    this.#scheduler.submit(opened.flatMap(({ generations }) => generations));
    for (const { request, generations } of opened) {
      this.#open.set(request, { left: new Set(generations), cachedTokens: 0, steeringTokens: 0 });
    }
    if (this.#running) this.#rest.end();
    else void this.#run();
  }

  /** Removes the request immediately, between two steps. Does nothing if it has settled. */
  cancel(request: BatchRequest): void {
    if (this.#open.has(request)) this.#close(request);
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#open.size > 0) {
        this.#turn++;
        this.#perturbing.nextTurn();
        let prefilled = false;
        this.#admit();
        try {
          this.#arrange();
          prefilled = this.#prefillOne();
          this.#sample();
          this.#arrange();
          this.#decode();
          this.#sample();
        } catch (error) {
          this.#fail(error);
        }
        const yields = prefilled ? YIELDS_AFTER_PREFILL : 1;
        for (let n = 0; n < yields && this.#open.size > 0; n++) await this.#options.yieldToEventLoop();
        if (this.#allWait) await this.#rest.take();
      }
      this.#lastPrefill.clear();
      // Clears the last row's deltas too.
      this.#arrange();
    } finally {
      this.#running = false;
    }
  }

  /** Whether nothing can go on before something outside the batch has come to an end. */
  get #allWait(): boolean {
    const { rows } = this.#slots;
    return rows.length > 0 && rows.every(({ open }) => open.waiting);
  }

  #admit(): void {
    const { admitted, refused } = this.#scheduler.admit((candidate, before) => this.#room(candidate, before));
    for (const open of refused) this.#close(open.request, tooManyColumns(deltasOf(open), this.#options.arena));
    for (const open of admitted) {
      open.members = open.generation.rows.map((work) => new Row(open, work));
      const slot = this.#slots.rows.length;
      for (const row of open.members) this.#slots.add(row);
      const added = open.members.map((row, i) => ({ row: row.state, slot: slot + i }));
      this.#sampler.update({ added, removed: [], moved: [] });
      this.#arranged = false;
    }
  }

  #room(candidate: OpenGeneration, before: readonly OpenGeneration[]): Room {
    const { arena } = this.#options;
    const own = deltasOf(candidate);
    const others = [...this.#slots.rows.map(({ most }) => most), ...before.flatMap(deltasOf)];
    if (arena.fits([...others, ...own])) return "now";
    return arena.fits(own) ? "later" : "never";
  }

  #arrange(): void {
    if (this.#arranged) return;
    this.#options.decoder.arrange(this.#slots.rows.map(({ deltas }) => deltas));
    this.#arranged = true;
  }

  /** Prefills one chunk for the tenant that has waited longest; returns false if no row needs one. */
  #prefillOne(): boolean {
    this.#slots.resolveSources();
    const since = ({ open }: Row) => this.#lastPrefill.get(open.tenant) ?? 0;
    const row = this.#slots.rows
      .filter(({ isPrefilled, source }) => !isPrefilled && source === undefined)
      .reduce<Row | undefined>(
        (first, next) => (first === undefined || since(next) < since(first) ? next : first),
        undefined,
      );
    if (row === undefined) return false;
    this.#lastPrefill.set(row.open.tenant, this.#turn);
    const chunk = row.nextChunk(this.#slots.slotOf(row), this.#options.chunk);
    const positions = chunk.virtual + chunk.tokens.length;
    const isLast = row.prefilled + positions === row.promptEnd;
    const last = this.#prefill(row, chunk, isLast);
    this.#readForCondition(row, chunk, isLast);
    row.prefilled += positions;
    this.#counts.prefilledPositions += positions;
    if (row.isCompanion || row.open.generation.isExtra === true) row.open.steeringTokens += positions;
    if (isLast) {
      row.take(last);
      this.#decideCondition(row);
    }
    this.#slots.resolveSources();
    return true;
  }

  /** Runs a chunk. Gives views of what is known after it. */
  #prefill(row: Row, chunk: PrefillChunk, isLast: boolean): StepStates {
    const { decoder } = this.#options;
    const { weights } = row.work;
    const reads = row.readsOfChunk(isLast);
    let logits: Float32Array;
    if (row.isScored(chunk)) {
      const scored = decoder.prefillEach(weights, chunk, reads);
      row.score(chunk, scored.each);
      logits = scored.logits;
    } else logits = decoder.prefill(weights, chunk, reads);
    return isLast ? this.#statesOf(row, 0, logits) : { logits, final: decoder.final(), exits: new Map() };
  }

  /** Decodes every row that has a token pending, and keeps its logits. */
  #decode(): void {
    const { decoder } = this.#options;
    const vocabulary = decoder.vocabularySize;
    for (const { first, rows } of decodingRuns(this.#slots.rows)) {
      const exits = [...new Set(rows.flatMap((row) => row.exits))];
      const logits = decoder.decode(
        rows[0]!.work.weights,
        first,
        rows.map(({ decodeRow }) => decodeRow),
        { taps: [], exits },
      );
      for (const [i, row] of rows.entries()) {
        if (!row.isDecoding) continue;
        row.take(this.#statesOf(row, i, logits.subarray(i * vocabulary, (i + 1) * vocabulary)));
        this.#counts.decodedTokens++;
        if (row.isCompanion) row.open.steeringTokens++;
      }
    }
  }

  /** Views of what the last run computed for its row i. */
  #statesOf({ exits: layers }: Row, i: number, logits: Float32Array): StepStates {
    const { decoder } = this.#options;
    const exits = new Map(layers.map((layer) => [layer, decoder.exit(layer, i)] as const));
    return { logits, final: decoder.final(i), exits };
  }

  /** Lets a row's condition read the tokens of the chunk that has just run. */
  #readForCondition({ work, reader, prefilled, lead }: Row, { virtual, tokens }: PrefillChunk, isLast: boolean): void {
    if (work.condition === undefined || reader === undefined) return;
    const { decoder } = this.#options;
    const first = Math.max(0, prefilled - lead);
    for (let i = isLast && !work.condition.wholePrompt ? tokens.length - 1 : 0; i < tokens.length; i++) {
      if (isLast || work.condition.wholePrompt) reader.read(first + i, (tap) => decoder.tap(tap, virtual + i));
    }
  }

  /**
   * Gives a row the deltas of its condition if its prompt, all of which has run, calls for them. A prompt on which it cannot be
   * checked ends its own request.
   */
  #decideCondition(row: Row): void {
    if (row.reader === undefined) return;
    try {
      const deltas = row.reader.deltas();
      if (deltas !== undefined) {
        row.deltas = deltas;
        this.#arranged = false;
      }
      row.most = row.deltas;
    } catch (error) {
      if (!(error instanceof TrimtabError) || error.code === "internal_error") throw error;
      this.#end(row.open, error);
    }
  }

  /** Chooses the next token of every generation for which all rows have logits. */
  #sample(): void {
    const due = [...new Set(this.#slots.rows.map(({ open }) => open))].filter(
      ({ members, waiting }) => !waiting && members.every(({ states }) => states !== undefined),
    );
    const failed = due.flatMap((open) => {
      const error = open.members.map(({ states }) => nonFinite(states!.logits)).find((found) => found !== undefined);
      return error === undefined ? [] : [{ open, error }];
    });
    for (const { open, error } of failed) this.#end(open, error);
    const sound = due.filter((open) => this.#open.has(open.request) && this.#hasRemotes(open));
    // Probes run with the rows' deltas.
    if (sound.length > 0) this.#arrange();
    const single = sound.filter(({ generation }) => generation.beams === undefined);
    const samples = sampleEach(
      this.#sampler,
      single.map((open) => sampleRequest(open, this.#batch)),
    );
    const finished = single.filter((open, i) => {
      // A watcher may have cancelled it.
      if (!this.#open.has(open.request)) return false;
      const sample = samples[i]!;
      if ("error" in sample) this.#end(open, sample.error);
      else if ("waits" in sample) this.#wait(open, sample.waits);
      else return this.#acceptOrEnd(open, sample);
      return false;
    });
    for (const open of sound) if (open.generation.beams !== undefined && this.#stepBeams(open)) finished.push(open);
    // An `emit` may have cancelled its request.
    for (const open of finished) if (this.#open.has(open.request)) this.#finish(open);
  }

  get #batch(): BeamBatch {
    const { decoder, slab } = this.#options;
    return { decoder, slots: this.#slots, perturbing: this.#perturbing, slab, sampler: this.#sampler };
  }

  /** Takes a step of a generation with beams. Returns whether it has ended. */
  #stepBeams(open: OpenGeneration): boolean {
    if (!this.#open.has(open.request)) return false;
    this.#arrange();
    const step = stepBeams(open, this.#batch);
    if ("error" in step) this.#end(open, step.error);
    else if ("waits" in step) this.#wait(open, step.waits);
    else for (const event of step.events) open.request.emit(event);
    return "events" in step && step.finished;
  }

  /** Whether the companions in other batches have states too; if not, the generation waits for them. */
  #hasRemotes(open: OpenGeneration): boolean {
    const { remotes = [], sequence } = open.generation;
    const { length } = sequence.generated;
    if (remotes.every((remote) => remote.statesAt(length) !== undefined)) return true;
    this.#wait(
      open,
      Promise.all(remotes.map((remote) => remote.ready(length))).then(() => {}),
    );
    return false;
  }

  /** Leaves a generation without a token until a promise settles, which happens between two steps. */
  #wait(open: OpenGeneration, waits: Promise<void>): void {
    open.waiting = true;
    waits.then(
      () => {
        open.waiting = false;
        this.#rest.end();
      },
      (error: unknown) => this.#end(open, asTrimtabError(error)),
    );
  }

  /** Whether the token ends the text. What cannot be read of it ends its own request alone. */
  #acceptOrEnd(open: OpenGeneration, sample: Sample): boolean {
    try {
      return this.#accept(open, sample);
    } catch (error) {
      if (!(error instanceof TrimtabError) || error.code === "internal_error") throw error;
      this.#end(open, error);
      return false;
    }
  }

  /** Whether the token ends the text. */
  #accept(open: OpenGeneration, { token, trace }: Sample): boolean {
    const { request, generation, members } = open;
    const { logits } = members[0]!.states!;
    const { events, finished } = generation.sequence.accept(token, logits, trace);
    if (generation.watch !== undefined) {
      // Generations that have just ended took their deltas with them.
      this.#arrange();
      generation.watch({ token, logits, finished, view: viewOf(open, this.#batch, { ahead: 1 }) });
    }
    for (const row of members) row.states = undefined;
    if (!finished) for (const remote of generation.remotes ?? []) remote.push(token);
    for (const event of events) request.emit(event);
    return finished;
  }

  /** Ends a generation's request with an error, unless it has ended already. */
  #end({ request }: OpenGeneration, error: TrimtabError): void {
    if (this.#open.has(request)) this.#close(request, error);
  }

  #finish(open: OpenGeneration): void {
    const { request, generation } = open;
    const ofRequest = this.#open.get(request)!;
    // The choices of one prompt share it, so only the tokens that the first choice found in the cache were saved.
    const { prompt } = generation.rows[0];
    const isFirst = request.generations.find(({ rows }) => rows[0].prompt === prompt) === generation;
    if (isFirst) ofRequest.cachedTokens += open.members[0]!.cachedTokens;
    const remotely = (generation.remotes ?? []).reduce((sum, { computed }) => sum + computed, 0);
    ofRequest.steeringTokens += open.steeringTokens + remotely;
    this.#leave(open);
    ofRequest.left.delete(open);
    if (ofRequest.left.size === 0) this.#close(request);
  }

  /** Removes a generation's rows from the batch, or the generation from the queue. */
  #leave(open: OpenGeneration): void {
    for (const remote of open.generation.remotes ?? []) remote.stop();
    const moved: Move[] = [];
    for (const row of open.members) {
      this.#perturbing.leave(row);
      const move = this.#slots.remove(row);
      if (move !== undefined) moved.push(move);
    }
    if (open.members.length > 0) {
      this.#sampler.update({
        added: [],
        removed: open.members.map(({ state }) => state),
        moved: moved.filter(({ row }) => row.open !== open).map(({ row, from, to }) => ({ row: row.state, from, to })),
      });
      this.#arranged = false;
    }
    this.#scheduler.remove(open);
  }

  #close(request: BatchRequest, error?: TrimtabError): void {
    const { left, cachedTokens, steeringTokens: ofEnded } = this.#open.get(request)!;
    this.#open.delete(request);
    for (const open of left) this.#leave(open);
    const steeringTokens = [...left].reduce((sum, open) => sum + open.steeringTokens, ofEnded);
    this.#rest.end();
    request.settle({ cachedTokens, steeringTokens, ...(error === undefined ? {} : { error }) });
  }

  /**
   * A failed run leaves the cache undefined, so everything in the batch ends with the error. Waiting requests stay
   * queued.
   */
  #fail(cause: unknown): void {
    const error = asTrimtabError(cause);
    this.#broken ||= error.code === "internal_error";
    for (const request of new Set(this.#slots.rows.map(({ open }) => open.request))) this.#close(request, error);
    this.#slots.dropPrompts();
  }
}

function deltasOf({ generation }: OpenGeneration): RowDeltas[] {
  return generation.rows.map(mostDeltas);
}

function asTrimtabError(cause: unknown): TrimtabError {
  if (cause instanceof TrimtabError) return cause;
  return new TrimtabError("internal_error", `the batch failed: ${messageOf(cause)}`, { cause });
}
