/**
 * Carries out runs. What is left to do follows from the rows alone: an object that starts again finds the same items waiting, and
 * keeps the result of each once.
 */
import { type ErrorCode, messageOf, TrimtabError } from "../../../../shared/errors.ts";
import { type BegunGeneration, beginGeneration, type UsedTokens } from "../../../asking/generation.ts";
import { answerQuestion, SERVER_ERRORS } from "../../../asking/grader-question.ts";
import { yieldToEventLoop } from "../../../serving/yield-to-event-loop.ts";
import { seconds } from "../../database.ts";
import type { Admission } from "../account.ts";
import type { TenantContext } from "../context.ts";
import type { FoundModel, ModelRequest } from "../models.ts";
import { recordOf, requireEval } from "./eval-rows.ts";
import { finishItem, type ItemResult, type ItemRow, noteTry, waitingItem } from "./item-rows.ts";
import { EMPTY_SAMPLE, type ItemModels, type ItemRequest } from "./item-to-measure.ts";
import { ItemFailure, measureItem } from "./measure-item.ts";
import type { AskedModel } from "./run-record.ts";
import { endRun, findRun, isUnended, type RunRow, runRecord } from "./run-rows.ts";
import { scoresOf } from "./suite-scores.ts";

/** What the runner needs of other modules of the same tenant. */
export interface TenantCalls {
  resolve(request: ModelRequest): Promise<FoundModel>;
  admit(kind: "generation"): Promise<Admission>;
  charge(used: UsedTokens): Promise<void>;
}

/** Items of one tenant that are measured at a time: a few, because the batch shares its rows among tenants. */
const AT_ONCE = 4;
/** How often an item is begun: a server that fails may be back, and an item that ends the object each time must not go on for ever. */
const TRIES = 5;
const PAUSE_MS = 500;
/** The longest pause between two looks at whether a run still waits. */
const LONGEST_MS = 20_000;

/** How long one item may take: an Engine that never answers must not hold it for ever. */
const ITEM_MS = 10 * 60_000;

/** Errors that every other item would meet as well. */
const OF_RUN: ReadonlySet<ErrorCode> = new Set(["model_not_found", "invalid_delta"] satisfies ErrorCode[]);

/** A response format that cannot be compiled is refused where the model is, after the run was created. */
const ofSampling = ({ code, param }: TrimtabError) =>
  code === "invalid_request" && param?.startsWith("data_source.sampling_params") === true;
const isOfRun = (failure: TrimtabError) => OF_RUN.has(failure.code) || ofSampling(failure);

function messageOfRun(failure: TrimtabError): string {
  const { message, param } = failure;
  return ofSampling(failure) && !message.includes(param!) ? `\`${param}\`: ${message}` : message;
}

interface Task {
  readonly run: string;
  readonly item: ItemRow;
}

export class EvalRunner {
  readonly #context: TenantContext;
  readonly #tenant: () => TenantCalls;
  readonly #taken = new Map<string, Set<number>>();
  readonly #ending = new Map<string, AbortController>();
  #workers = 0;

  constructor(context: TenantContext, tenant: () => TenantCalls) {
    this.#context = context;
    this.#tenant = tenant;
  }

  /** Sets to work on what waits. */
  kick(): void {
    while (this.#workers < AT_ONCE) {
      const task = this.#take();
      if (task === undefined) return;
      this.#workers++;
      void this.#work(task);
    }
  }

  /** Ends what a run has under way. */
  stop(run: string): void {
    this.#ending.get(run)?.abort();
  }

  async #work(first: Task): Promise<void> {
    try {
      for (let task: Task | undefined = first; task !== undefined; task = this.#take()) {
        try {
          await this.#measure(task);
        } catch (error) {
          // The item waits still, and the alarm looks again.
          console.error(`an item of the eval run ${task.run} could not be measured, and will be tried again`, error);
          await pause(PAUSE_MS);
        } finally {
          this.#release(task);
        }
      }
    } finally {
      this.#workers--;
    }
  }

  /** The next item: of the run that has the fewest under way, the oldest of several. */
  #take(): Task | undefined {
    const { db } = this.#context;
    // A deleted tenant has no runs; one that was never created has no tables.
    if (!db.has("eval_runs")) return undefined;
    const runs = db.all<{ id: string }>(
      "SELECT id FROM eval_runs WHERE status IN ('queued', 'in_progress') ORDER BY n LIMIT 100",
    );
    const busy = (id: string) => this.#taken.get(id)?.size ?? 0;
    for (const { id } of runs.toSorted((a, b) => busy(a.id) - busy(b.id))) {
      const item = waitingItem(db, id, (n) => this.#taken.get(id)?.has(n) === true, AT_ONCE);
      if (item === undefined) continue;
      const taken = this.#taken.get(id) ?? new Set<number>();
      this.#taken.set(id, taken.add(item.n));
      if (!this.#ending.has(id)) this.#ending.set(id, new AbortController());
      return { run: id, item };
    }
    return undefined;
  }

  #release({ run, item }: Task): void {
    const taken = this.#taken.get(run);
    taken?.delete(item.n);
    if (taken?.size !== 0) return;
    this.#taken.delete(run);
    this.#ending.delete(run);
  }

  #live(run: string): RunRow | undefined {
    const row = findRun(this.#context.db, run);
    return row !== undefined && isUnended(row.status) ? row : undefined;
  }

  async #measure({ run, item }: Task): Promise<void> {
    const { db } = this.#context;
    const ending = this.#ending.get(run)!.signal;
    for (let tries = item.tries + 1; ; tries++) {
      const row = this.#live(run);
      if (row === undefined) return;
      if (tries > TRIES)
        return this.#finish(
          run,
          item,
          failedItem(item, new TrimtabError("internal_error", `it was begun ${TRIES} times and did not end`)),
        );
      // Grading alone waits for nothing, and must let other calls of the object through.
      await yieldToEventLoop();
      const { plan, model } = runRecord(row);
      if (plan.kind !== "grade" && !(await this.#admitted(run, ending))) return;
      noteTry(db, run, item.n);
      const { criteria } = recordOf(requireEval(db, row.eval));
      const given = item.given === null ? null : JSON.parse(item.given);
      const signal = AbortSignal.any([ending, AbortSignal.timeout(ITEM_MS)]);
      const asked = { plan, criteria, model, item: JSON.parse(item.item), given, place: item.n };
      try {
        return this.#finish(run, item, await measureItem(asked, this.#models(run, signal)));
      } catch (error) {
        if (ending.aborted || this.#live(run) === undefined) return;
        const { failure, partial } =
          error instanceof ItemFailure ? error : { failure: unexpected(error), partial: null };
        if (isOfRun(failure)) {
          endRun(db, run, "failed", { code: failure.code, message: messageOfRun(failure) });
          return this.stop(run);
        }
        const isServers = SERVER_ERRORS.has(failure.code) || failure.code === "rate_limit_exceeded";
        if (!isServers || tries >= TRIES) return this.#finish(run, item, failedItem(item, failure, partial));
        await pause(PAUSE_MS * 2 ** tries);
      }
    }
  }

  #finish(run: string, item: ItemRow, result: ItemResult): void {
    const { db } = this.#context;
    db.transaction(() => {
      const isLast = finishItem(db, run, item.n, result, seconds(this.#context.now()));
      if (!isLast) return;
      endRun(db, run, "completed");
      const scores = scoresOf(db, run);
      if (scores !== null) db.run("UPDATE eval_runs SET scores = ? WHERE id = ?", JSON.stringify(scores), run);
    });
    if (this.#live(run) === undefined) void this.#context.rearm();
  }

  /** Waits until the tenant's limits allow one more request; false where the run ends meanwhile. */
  async #admitted(run: string, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      if (signal.aborted || this.#live(run) === undefined) return false;
      const { refused } = await this.#tenant().admit("generation");
      if (refused === null) return true;
      await pause(Math.min(Math.max(refused.retryMs, 50), LONGEST_MS));
    }
  }

  #models(run: string, signal: AbortSignal): ItemModels {
    const { env, tenant } = this.#context;
    const options = { engines: env.ENGINE, signal, charge: (used: UsedTokens) => this.#charge(used) };
    const requestId = this.#context.newId("request");
    const begin = async (found: FoundModel, request: ItemRequest): Promise<BegunGeneration> => {
      const { prompt, sampling, format, ofPrompts } = request;
      const steering = found.steering === null ? {} : { steering: found.steering.resolved };
      const rule = format === undefined ? {} : { format };
      const scores = ofPrompts === undefined ? {} : { ofPrompts };
      const { id } = tenant();
      return beginGeneration(
        { requestId, tenant: id, model: found.model, prompt, sampling, ...steering, ...rule, ...scores },
        options,
      );
    };
    return {
      begin: async ({ name, deltas, steering }: AskedModel, request) =>
        begin(await this.#tenant().resolve({ name, deltas, steering }), request),
      ask: async (question) => {
        if (!(await this.#admitted(run, signal))) throw new TrimtabError("cancelled", "The run has ended.");
        return answerQuestion(question, async ({ model, ...request }) => {
          const found = await this.#tenant().resolve({ name: model, deltas: [] });
          return (await begin(found, request)).events;
        });
      },
    };
  }

  #charge(used: UsedTokens): void {
    void this.#tenant()
      .charge(used)
      .catch((error) => console.error("the use of an eval's item could not be counted", error));
  }
}

/** An item that could not be measured, and why. */
function failedItem(
  item: ItemRow,
  failure: TrimtabError,
  partial: Omit<ItemResult, "status"> | null = null,
): ItemResult {
  const error = { code: failure.code, message: `Item ${item.n}: ${failure.message}` };
  const { results = [], criteria = [], sample = EMPTY_SAMPLE, usage = [] } = partial ?? {};
  return { status: "error", results, criteria, usage, sample: { ...sample, error } };
}

/** What no code of ours threw: the network to the Engine, for one. */
function unexpected(error: unknown): TrimtabError {
  console.error("an eval's item met an unexpected error", error);
  return new TrimtabError("internal_error", messageOf(error), { cause: error });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
