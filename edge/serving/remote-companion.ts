import { LEADER } from "../../shared/decode/processor.ts";
import type { FollowSettings } from "../../shared/decode/processors/follow.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { BatchLoop } from "./batch-loop.ts";
import type { BatchRequest, GenerationRow, RemoteRow } from "./generation.ts";
import { silentSequence } from "./silent-sequence.ts";
import type { StepStates } from "./step-states.ts";

export interface RemoteCompanionOptions {
  readonly tenant: string;
  /** How processors know it. */
  readonly role: string;
  readonly loop: Pick<BatchLoop, "submit" | "cancel">;
  readonly row: Omit<GenerationRow, "role">;
  /** The most tokens that it may be given. */
  readonly maxTokens: number;
  /** Milliseconds that it may take to get its rows, and to compute its prompt. */
  readonly deadlineMs: number;
}

/**
 * A companion that runs in the batch of another base with the same tokenizer: there it is a text of its own, whose tokens are
 * those of the text that it accompanies. Two requests that each hold rows of one batch and wait for rows of the other would wait
 * for ever, so a companion that gets none in time ends its request.
 */
export class RemoteCompanion implements RemoteRow {
  readonly role: string;
  readonly #options: RemoteCompanionOptions;
  readonly #tokens: number[] = [];
  #states: { readonly length: number; readonly states: StepStates } | undefined;
  #request: BatchRequest | undefined;
  #error: TrimtabError | undefined;
  #wake: (() => void)[] = [];

  constructor(options: RemoteCompanionOptions) {
    this.role = options.role;
    this.#options = options;
  }

  /** The positions that it has computed. */
  get computed(): number {
    return this.#options.row.prompt.length + this.#tokens.length;
  }

  /** What it knows after that many tokens; undefined while it is not there yet. */
  statesAt(length: number): StepStates | undefined {
    return this.#states?.length === length ? this.#states.states : undefined;
  }

  /** Takes the next token of the text. */
  push(token: number): void {
    this.#tokens.push(token);
    this.#notify();
  }

  /** Starts it, if it has not begun, and settles once it has states after that many tokens. Rejects with what ended it. */
  async ready(length: number): Promise<void> {
    if (this.#request === undefined && this.#error === undefined) this.#start();
    while (this.#error === undefined && this.statesAt(length) === undefined) await this.#changed();
    if (this.#error !== undefined) throw this.#error;
  }

  /** Frees its row. */
  stop(): void {
    if (this.#request !== undefined) this.#options.loop.cancel(this.#request);
    this.#fail(new TrimtabError("cancelled", "the text that it accompanies has ended"));
  }

  #start(): void {
    const { tenant, loop, row, maxTokens, deadlineMs } = this.#options;
    const sequence = silentSequence({ follow: this.#settings() }, maxTokens);
    this.#request = {
      tenant,
      generations: [{ rows: [{ ...row, role: LEADER, takes: { final: true } }], sequence }],
      emit: () => {},
      settle: ({ error }) => this.#fail(error ?? new TrimtabError("cancelled", "the companion has ended")),
    };
    const late = setTimeout(() => this.#tooLate(), deadlineMs);
    void this.ready(0).then(
      () => clearTimeout(late),
      () => clearTimeout(late),
    );
    loop.submit(this.#request);
  }

  #settings(): FollowSettings {
    return {
      deliver: (length, logits, final) => {
        if (this.#states?.length === length) return;
        this.#states = { length, states: { logits: logits.slice(), final: final.slice(), exits: new Map() } };
        this.#notify();
      },
      tokenAt: (length) => this.#tokens[length],
      until: async (length) => {
        while (this.#error === undefined && this.#tokens[length] === undefined) await this.#changed();
      },
    };
  }

  #tooLate(): void {
    const message = "The other base that steers this request is busy: it gave no row in time. Try again in a moment.";
    this.#fail(new TrimtabError("capacity_exceeded", message));
    this.#options.loop.cancel(this.#request!);
  }

  #fail(error: TrimtabError): void {
    this.#error ??= error;
    this.#notify();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(resolve);
    });
  }

  #notify(): void {
    const woken = this.#wake;
    this.#wake = [];
    for (const wake of woken) wake();
  }
}
