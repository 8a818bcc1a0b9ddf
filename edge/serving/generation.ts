import type { GenerateEvent } from "../../shared/decode/events.ts";
import type { RowTakes } from "../../shared/decode/processor.ts";
import type { StepView } from "../../shared/decode/sampler.ts";
import type { KnownScore, Sequence } from "../../shared/decode/sequence.ts";
import type { Snapshot, TokenTrace } from "../../shared/decode/trace.ts";
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
  /** Told of each token after the sequence. May probe rows, and cancel any request; must not throw. */
  readonly watch?: (chosen: ChosenToken) => void;
  /** Follows several texts at once: `rows` are then those of each text in turn, and the sequence takes the one that wins. */
  readonly beams?: Beams;
  /** Whether what its prompt costs counts as steering, since other rows of the request have the same one. */
  readonly isExtra?: boolean;
}

/** A token that a generation has just taken; its rows know what came before it. */
export interface ChosenToken {
  readonly token: number;
  /** [V]: the model's own. */
  readonly logits: Float32Array;
  /** Whether the text ends with it. */
  readonly finished: boolean;
  readonly view: StepView;
}

/** A search over several texts that go on in step. Texts have places, each with the same rows. */
export interface Beams {
  /** How many places there are. */
  readonly count: number;
  /** By place: the text's tokens. The loop changes them. */
  readonly texts: readonly number[][];
  /** Places whose texts go on, in the order in which `choose` takes their scores. */
  readonly running: readonly number[];
  /** Takes the scores [V] of the next token of each running text. */
  choose(running: readonly BeamScores[]): BeamChoice;
}

export interface BeamScores {
  /** [V], after all processors, up to a constant; may be changed. */
  readonly scores: Float64Array;
  /** [V]: the model's own. */
  readonly logits: Float32Array;
  /** What each part noted. */
  readonly notes: Readonly<Record<string, unknown>>;
  /** What each part left; empty without a trace. */
  readonly snapshots: readonly Snapshot[];
}

/** What the places hold from now on. */
export interface BeamChoice {
  /** The places that go on, each with its new token behind the text that was at `from`. No place is both copied from and to. */
  readonly next: readonly { readonly place: number; readonly from: number; readonly token: number }[];
  /** The text that won, once the search has ended: its tokens with what the sequence needs to know of each. */
  readonly won?: readonly { readonly token: number; readonly score?: KnownScore; readonly trace?: TokenTrace }[];
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
  /** The text's tokens, if they are not those of the generation's sequence. */
  readonly text?: readonly number[];
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
  /** The row's deltas if all of these are met: the batch keeps room for them until the prompt has been read. */
  readonly most: RowDeltas;
  /** Begins to read a prompt of that many tokens. */
  readonly start: (length: number) => PromptReader;
}

export interface PromptReader {
  /** Reads the prompt's token at that place; `tap` gives views [width] of its taps. */
  readonly read: (at: number, tap: (name: string) => Float32Array) => void;
  /**
   * Once all has been read: the row's deltas from then on, which put the same before the text as those that it had; undefined:
   * those. Throws `non_finite` for a prompt that no condition can be checked on.
   */
  readonly deltas: () => RowDeltas | undefined;
  /** What was found, for a trace. */
  readonly found: () => readonly ConditionFound[];
}

export interface ConditionFound {
  /** Where the steering object names the delta. */
  readonly at: string;
  /** The cosine between the prompt's activation and the condition's vector. */
  readonly score: number;
  readonly applies: boolean;
}
