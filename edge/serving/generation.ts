import type { GenerateEvent } from "../../shared/decode/events.ts";
import type { RowTakes } from "../../shared/decode/processor.ts";
import type { Sequence } from "../../shared/decode/sequence.ts";
import type { TrimtabError } from "../../shared/errors.ts";
import type { RowDeltas } from "../runtime/serving-delta.ts";
import type { WeightSet } from "../runtime/weight-set.ts";
import type { StepStates } from "./step-states.ts";

/** A request in the batch loop. */
export interface BatchRequest {
  readonly tenant: string;
  /** Each is admitted separately, in this order. */
  readonly generations: readonly Generation[];
  /** Called for every event of every generation; must not throw. */
  readonly emit: (event: GenerateEvent) => void;
  /** Called once: when the last generation has finished, the request is cancelled or the batch fails. */
  readonly settle: (end: RequestEnd) => void;
}

export interface RequestEnd {
  /** Absent if all generations finished or the request was cancelled. */
  readonly error?: TrimtabError;
  /** Prompt tokens, counting each prompt once, that other requests had already computed. */
  readonly cachedTokens: number;
  /** Positions that companions and probes computed. */
  readonly steeringTokens: number;
}

/** One text and the rows that produce it, which are admitted together or not at all. */
export interface Generation {
  /** First the leader, whose tokens are the text; then its companions, which lend it their logits. */
  readonly rows: readonly [GenerationRow, ...GenerationRow[]];
  /** Companions in the batches of other bases. */
  readonly remotes?: readonly RemoteRow[];
  /** Takes the leader's tokens. */
  readonly sequence: Sequence;
}

/** A companion that runs in another batch and is fed the leader's tokens there. */
export interface RemoteRow {
  /** How processors know it. */
  readonly role: string;
  /** The positions that it has computed. */
  readonly computed: number;
  /** What it knows after that many tokens; undefined while it is not there yet. */
  statesAt(length: number): StepStates | undefined;
  /** Settles once it has states after that many tokens. Rejects with what ended it. */
  ready(length: number): Promise<void>;
  /** Takes the next token of the text. */
  push(token: number): void;
  /** Frees its row. */
  stop(): void;
}

/** The work of one row of the batch. */
export interface GenerationRow {
  /** `leader`, or the name by which processors know this companion. */
  readonly role: string;
  /** At least one token. */
  readonly prompt: readonly number[];
  readonly weights: WeightSet;
  readonly deltas: RowDeltas;
  /**
   * Rows with equal keys compute equal states from equal tokens and may share them, so the key covers everything that
   * affects states: the tenant, the weights, and the deltas with their weights. The base is the same for all rows of a
   * loop.
   */
  readonly stateKey: string;
  /** What the row keeps of each step besides its logits. */
  readonly takes?: RowTakes;
  /** Deltas that may take over once the prompt is in the cache. */
  readonly condition?: RowCondition;
  /** Takes the logits after tokens of the prompt; not with a condition. */
  readonly scoring?: PromptScoring;
  /** Whether no later request is likely to have the same prompt, so that it is not kept. */
  readonly isOneOff?: boolean;
}

/** What is read of a prompt whose tokens are judged. */
export interface PromptScoring {
  /** The first token after which logits are read. */
  readonly from: number;
  /** Takes the logits [V], a view, after the prompt's token at that place; called once for each from `from` on. Must not throw. */
  readonly read: (at: number, logits: Float32Array) => void;
}

/** Deltas that a row has from its first generated token on, if its prompt calls for them. */
export interface RowCondition {
  /** The taps that are read of the prompt. */
  readonly taps: readonly string[];
  /** Whether they are read at every token, and not at the last alone. */
  readonly wholePrompt: boolean;
  /** Begins to read a prompt of that many tokens. */
  readonly start: (length: number) => PromptReader;
}

export interface PromptReader {
  /** Reads the prompt's token at that place; `tap` gives views [width] of its taps. */
  readonly read: (at: number, tap: (name: string) => Float32Array) => void;
  /**
   * Once all has been read: the row's deltas from then on, which put the same before the text as those that it had; undefined:
   * those.
   */
  readonly deltas: () => RowDeltas | undefined;
}
