import type { Perturbation, Perturbed } from "../../shared/decode/processor.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { PerturbedText } from "../runtime/perturbed-text.ts";
import type { PerturbedRows, Perturber } from "../runtime/perturber.ts";
import type { Generation, GenerationRow } from "./generation.ts";
import { megabytes } from "./limits.ts";
import { nonFinite, type OpenGeneration, type Row } from "./row.ts";
import type { Slots } from "./slots.ts";

interface Open {
  readonly text: PerturbedText;
  /** Tokens of the text when its step began. */
  tokens: number;
  /** Of the iterations of this step so far. */
  losses: number[];
  /** Once the step is complete. */
  perturbed: Perturbed | undefined;
}

/** Positions that one iteration computes: the text's last token, and the judge's next. */
const OF_ITERATION = 2;
/** The text's last token once more. */
const OF_RESULT = 1;

/**
 * Perturbs the memory of texts, one iteration in each turn of the batch, however many texts ask for one, so that it delays
 * other rows by no more than that. Texts take turns in the order in which they ask.
 */
export class PerturbingTurns {
  readonly #perturber: Perturber;
  readonly #slots: Pick<Slots, "slotOf">;
  /** By leader. */
  readonly #open = new Map<Row, Open>();
  readonly #queue: Row[] = [];
  /** Called once no text holds memory. */
  readonly #whenIdle: (() => void)[] = [];
  #spent = false;
  #pauses = 0;

  constructor(perturber: Perturber, slots: Pick<Slots, "slotOf">) {
    this.#perturber = perturber;
    this.#slots = slots;
  }

  /** How many texts hold memory. */
  get texts(): number {
    return this.#open.size;
  }

  /** Whether a row holds memory. */
  holds(row: Row): boolean {
    return this.#open.has(row);
  }

  /**
   * Lets no further text begin, and resolves once the open ones have ended and nothing of them is left in the heap. Call the
   * result to go on.
   */
  async pause(): Promise<() => void> {
    this.#pauses++;
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#perturber.clear();
    return () => {
      this.#pauses--;
    };
  }

  nextTurn(): void {
    this.#spent = false;
  }

  /**
   * The next iteration for a generation's leader; undefined where more follow, or where it is not its turn. Once all are done,
   * the result stays until the next token. Throws `non_finite` for logits that are not finite.
   */
  step(generation: OpenGeneration, how: Perturbation): Perturbed | undefined {
    const [leader] = generation.members as [Row, ...Row[]];
    const { length } = leader.state.generated;
    const known = this.#open.get(leader);
    if (known?.perturbed !== undefined && known.tokens === length) return known.perturbed;
    if (!this.#isNext(leader)) return undefined;
    const judge = generation.members.find(({ work }) => work.role === how.judge)!;
    const open = known ?? this.#begin(leader, judge, how);
    if (open === undefined) return undefined;
    this.#spent = true;
    this.#queue.shift();
    if (open.tokens !== length) {
      open.tokens = length;
      open.losses = [];
      open.perturbed = undefined;
      open.text.begin(this.#stepOf(leader, judge, how));
    }
    // A text of one token has nothing to remember before it.
    if (open.text.past > 0) {
      open.losses.push(open.text.descend(how));
      generation.steeringTokens += OF_ITERATION;
      if (open.losses.length < how.iterations) return undefined;
    }
    const logits = open.text.read();
    generation.steeringTokens += OF_RESULT;
    const error = nonFinite(logits);
    if (error !== undefined) throw error;
    open.perturbed = { logits, losses: open.losses };
    return open.perturbed;
  }

  /** Frees what a row holds that leaves the batch. */
  leave(row: Row): void {
    const at = this.#queue.indexOf(row);
    if (at >= 0) this.#queue.splice(at, 1);
    const open = this.#open.get(row);
    if (open === undefined) return;
    this.#perturber.close(open.text);
    this.#open.delete(row);
    if (this.#open.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #isNext(row: Row): boolean {
    if (!this.#queue.includes(row)) this.#queue.push(row);
    return this.#queue[0] === row && !this.#spent;
  }

  /** undefined while others hold the memory that it needs, or all of it is needed for something else. */
  #begin(leader: Row, judge: Row, how: Perturbation): Open | undefined {
    const { maxTokens } = leader.open.generation.sequence;
    const rows = perturbedRows(leader, judge, maxTokens);
    if (this.#pauses > 0 || (this.#open.size > 0 && !this.#perturber.fits(rows))) {
      // Those that hold it must be able to go on.
      this.#queue.push(this.#queue.shift()!);
      return undefined;
    }
    const open: Open = { text: this.#perturber.open(rows, how), tokens: -1, losses: [], perturbed: undefined };
    this.#open.set(leader, open);
    return open;
  }

  #stepOf(leader: Row, judge: Row, { before }: Perturbation) {
    const { prompt, generated } = leader.state;
    return {
      token: (generated.at(-1) ?? prompt.at(-1))!,
      slot: this.#slots.slotOf(leader),
      positions: leader.cachedPositions,
      judge: { slot: this.#slots.slotOf(judge), positions: judge.cachedPositions },
      unperturbed: leader.states!.logits,
      before,
    };
  }
}

type Sized = Pick<GenerationRow, "weights" | "deltas" | "prompt">;

/** What the rows may come to. The state after the last token is never needed. */
function rowsOf(text: Sized, judge: Sized, maxTokens: number): PerturbedRows {
  const row = ({ weights, deltas, prompt }: Sized) => {
    const capacity = deltas.prefixTokens + deltas.virtualTokens + prompt.length + maxTokens;
    return { weights, deltas, capacity };
  };
  return { text: row(text), judge: row(judge) };
}

function perturbedRows(leader: Row, judge: Row, maxTokens: number): PerturbedRows {
  const sized = ({ work, deltas }: Row): Sized => ({ weights: work.weights, prompt: work.prompt, deltas });
  return rowsOf(sized(leader), sized(judge), maxTokens);
}

/** Throws `invalid_request`, with what is needed and what there is, for a text whose memory can never be perturbed here. */
export function requireRoomToPerturb(perturber: Perturber, { rows, sequence }: Generation, judge: string): void {
  const [text] = rows;
  const { maxTokens } = sequence;
  const judging = rows.find(({ role }) => role === judge);
  if (judging === undefined) {
    const message = "The classifier of `gradient` must be one of the base that the request runs on.";
    throw new TrimtabError("invalid_request", message, { param: "steering.gradient.id" });
  }
  const asked = rowsOf(text, judging, maxTokens);
  const [needed, room] = [perturber.needs(asked), perturber.room];
  if (needed <= room) return;
  const size = `${megabytes(needed)} MB for a text of up to ${maxTokens} tokens after ${asked.text.capacity - maxTokens}`;
  const message = `\`gradient\` needs ${size}, but this model has room for ${megabytes(room)} MB: ask for fewer tokens, use a smaller model, or start the server with a larger ENGINE_HEAP_MB`;
  throw new TrimtabError("invalid_request", message, { param: "steering.gradient" });
}
