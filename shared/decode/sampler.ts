import { TrimtabError } from "../errors.ts";
import { argmax, logSumExp } from "./logits.ts";
import type {
  BatchChange,
  Perturbation,
  Perturbed,
  ProbedToken,
  ProcessedRow,
  Processor,
  ProcessorKind,
  RowState,
} from "./processor.ts";
import { type DecodeSettings, PROCESSORS, type ProcessorName } from "./registry.ts";
import { type Snapshot, type TokenTrace, traceOf } from "./trace.ts";

/** What the batch computed in this step for a leader and its companions, by role; without a role, the leader's. */
export interface StepView {
  /** [V] */
  readonly logits: (role: string) => Float32Array;
  /** [D] */
  readonly final: (role?: string) => Float32Array;
  /** [V] */
  readonly exit: (layer: number) => Float32Array;
  readonly probe: (role: string, tokens: readonly number[], visit: (probed: ProbedToken) => void) => void;
  readonly perturb: (how: Perturbation) => Perturbed | undefined;
}

/** A leader whose next token is about to be chosen. */
export interface SampleRequest {
  readonly row: RowState;
  readonly settings: DecodeSettings;
  /** The model's logits [V] after everything so far. Finite; read only. */
  readonly logits: Float32Array;
  /** Needed by processors that read more than the leader's logits. */
  readonly view?: StepView;
  /** Draws the random number in [0, 1) that decides; not called if the settings are greedy. */
  readonly uniform: () => number;
  /** How many alternatives the trace lists; absent: no trace. */
  readonly traced?: number;
  /** What the trace says besides the processors' notes. */
  readonly noted?: Readonly<Record<string, unknown>>;
}

export interface Sample {
  readonly token: number;
  /**
   * Natural logarithm of the probability with which the token was drawn, after all processors; 0 if the settings are greedy. If
   * no processor changed anything, it is the model's own log-probability, as `scoreToken` gives it.
   */
  readonly logprob: number;
  readonly trace?: TokenTrace;
}

export interface Scored {
  /** [V] */
  readonly scores: Float64Array;
  /** What each processor noted, by its name; empty unless the request asks for a trace. */
  readonly notes: Readonly<Record<string, unknown>>;
  /** What each processor left; empty unless the request asks for a trace. */
  readonly snapshots: readonly Snapshot[];
}

/** A processor waits for something outside the batch: sample the row again when this settles. */
export interface Waiting {
  readonly waits: Promise<void>;
}

const NAMES = Object.keys(PROCESSORS) as ProcessorName[];

/**
 * Chooses tokens for the rows of a batch. Each batch has its own sampler, since processors keep state from step to step;
 * otherwise it is pure: a row's token depends only on its own logits, settings, tokens and draws, not on other rows.
 */
export class Sampler {
  readonly #processors = new Map<ProcessorName, Processor<unknown>>(
    NAMES.map((name) => [name, kindOf(name).create()] as const),
  );
  /** Buffers for scores, reused from step to step. */
  readonly #scratch: Float64Array[] = [];

  /** Tells the processors which rows joined, left or moved, before the next `sample`. */
  update(change: BatchChange): void {
    for (const processor of this.#processors.values()) processor.update?.(change);
  }

  /** Tells the processors that each row `to`, at its slot, goes on from what `from` has come to. Their texts are equal by now. */
  fork(pairs: readonly { readonly from: RowState; readonly to: RowState; readonly slot: number }[]): void {
    for (const processor of this.#processors.values()) {
      if (processor.fork !== undefined) for (const { from, to } of pairs) processor.fork(from, to);
      else {
        const added = pairs.map(({ to: row, slot }) => ({ row, slot }));
        processor.update?.({ removed: added.map(({ row }) => row), added, moved: [] });
      }
    }
  }

  /** `sample` where no processor waits. Throws `internal_error` if one does. */
  sampleNow(requests: readonly SampleRequest[]): Sample[] {
    return this.sample(requests).map((sample) => {
      if ("waits" in sample) throw new TrimtabError("internal_error", "a processor waits where nothing can wait");
      return sample;
    });
  }

  /** One token for each request, in the same order, except for those that have to wait. */
  sample(requests: readonly SampleRequest[]): (Sample | Waiting)[] {
    const drafts = requests.map((request, i): Draft => {
      const { settings } = request;
      const active = settings.forced === undefined ? NAMES.filter((name) => isActive(name, settings)) : [];
      const plain = settings.greedy && active.length === 0 && request.traced === undefined;
      return this.#draft(request, active, plain ? undefined : i);
    });
    this.#apply(drafts);
    return drafts.map(({ request, scores, notes, snapshots, waits }) => {
      if (waits.length > 0) return { waits: Promise.all(waits).then(() => {}) };
      const sample = chosen(request, scores);
      const { logits, traced } = request;
      if (traced === undefined) return sample;
      return { ...sample, trace: traceOf(sample.token, { logits, scores: scores!, snapshots, notes, top: traced }) };
    });
  }

  /** What all processors make of each request's logits, without a choice: views that the next call overwrites. */
  scores(requests: readonly SampleRequest[]): (Scored | Waiting)[] {
    const drafts = requests.map((request, i) =>
      this.#draft(
        request,
        NAMES.filter((name) => isActive(name, request.settings)),
        i,
      ),
    );
    this.#apply(drafts);
    return drafts.map(({ scores, notes, snapshots, waits }) =>
      waits.length > 0 ? { waits: Promise.all(waits).then(() => {}) } : { scores: scores!, notes, snapshots },
    );
  }

  #draft(request: SampleRequest, active: readonly ProcessorName[], buffer: number | undefined): Draft {
    const scores = buffer === undefined ? undefined : this.#scores(buffer, request.logits);
    return { request, active, scores, notes: { ...request.noted }, snapshots: [], waits: [] };
  }

  #apply(drafts: readonly Draft[]): void {
    for (const name of NAMES) {
      const using = drafts.filter(({ active, waits }) => waits.length === 0 && active.includes(name));
      if (using.length === 0) continue;
      this.#processors.get(name)!.apply(using.map((draft) => processedRow(draft, name)));
      for (const { request, scores, snapshots } of using) {
        if (request.traced !== undefined) snapshots.push({ part: name, scores: scores!.slice() });
      }
    }
  }

  #scores(index: number, logits: Float32Array): Float64Array {
    let scores = this.#scratch[index];
    if (scores?.length !== logits.length) scores = new Float64Array(logits.length);
    this.#scratch[index] = scores;
    scores.set(logits);
    return scores;
  }
}

interface Draft {
  readonly request: SampleRequest;
  readonly active: readonly ProcessorName[];
  /** Absent where the model's own logits decide. */
  readonly scores: Float64Array | undefined;
  readonly notes: Record<string, unknown>;
  /** Of traced requests: what each processor left. */
  readonly snapshots: Snapshot[];
  readonly waits: Promise<void>[];
}

function isActive(name: ProcessorName, settings: DecodeSettings): boolean {
  const own = settings[name];
  return own !== undefined && !kindOf(name).isNeutral(own);
}

// The processor with this name takes these settings, which the compiler cannot infer through the index.
function kindOf(name: ProcessorName): ProcessorKind<unknown> {
  return PROCESSORS[name] as ProcessorKind<unknown>;
}

function processedRow({ request, scores, notes, waits }: Draft, name: ProcessorName): ProcessedRow<unknown> {
  const { row, settings, logits, view, traced } = request;
  return {
    row,
    settings: settings[name],
    scores: scores!,
    logits: (role) => (role === undefined ? logits : view!.logits(role)),
    final: (role) => view!.final(role),
    exit: (layer) => view!.exit(layer),
    probe: (role, tokens, visit) => view!.probe(role, tokens, visit),
    perturb: (how) => view!.perturb(how),
    wait: (work) => void waits.push(work),
    ...(traced === undefined ? {} : { note: (facts: object) => void Object.assign(notes, facts) }),
  };
}

function chosen({ settings, logits, row, uniform }: SampleRequest, scores: Float64Array | undefined): Sample {
  const forced = settings.forced?.[row.generated.length];
  if (forced !== undefined) return { token: forced, logprob: logits[forced]! - logSumExp(logits) };
  if (settings.greedy) return { token: argmax(scores ?? logits), logprob: 0 };
  return draw(scores!, uniform());
}

/** Walks through the tokens by id until their cumulative probability exceeds `uniform`. */
function draw(scores: Float64Array, uniform: number): Sample {
  const highest = scores[argmax(scores)]!;
  let sum = 0;
  for (let token = 0; token < scores.length; token++) sum += Math.exp(scores[token]! - highest);
  const logprob = (token: number) => scores[token]! - highest - Math.log(sum);
  let left = uniform * sum;
  let last = 0;
  for (let token = 0; token < scores.length; token++) {
    const weight = Math.exp(scores[token]! - highest);
    if (weight === 0) continue;
    left -= weight;
    last = token;
    if (left < 0) break;
  }
  return { token: last, logprob: logprob(last) };
}
