import type { PeftChoice } from "../../../shared/peft/presets.ts";
import type { Machine } from "../machine.ts";

/** What `npm run bench -- peft --json` prints, and what is kept of it in `results/peft.json`. */
export interface PeftBench {
  readonly command: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly threads: number;
  readonly task: {
    readonly base: string;
    readonly training_file: string;
    readonly validation_file: string;
    readonly steps: number;
    readonly batch_size: number;
    readonly seed: number;
  };
  /** What onnxruntime multiplied in between, with as many threads: the median and the range of all rounds. */
  readonly ceiling_gflops: Spread;
  readonly base: BaseRow;
  readonly rows: readonly PeftBenchRow[];
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** On data that nobody was trained on. */
interface Measured {
  /** Nats a token of the answers. */
  readonly held_out_loss: number;
  /** Share of the questions whose greedy reply has the manner and the fact. */
  readonly right_answers: number;
  /** Nats a token of text such as the base was trained on. */
  readonly base_text_loss: number;
  readonly sample: string;
  /** The most bytes of memory that the process had at once; before it evaluated anything. */
  readonly peak_bytes: number;
}

/** The base as it is, and a process that holds it without training. */
export interface BaseRow extends Measured {}

export interface PeftBenchRow extends Measured {
  readonly name: string;
  /** As a job gives it. */
  readonly peft: PeftChoice;
  readonly learning_rate: number;
  readonly trainable_parameters: number;
  readonly delta_bytes: number;
  /** What `base_text_loss` has grown by. */
  readonly forgetting: number;
  /**
   * Of a training step, for each token of text: processor time over threads, which is the time that it takes where nothing
   * else runs. The median and the range of all rounds.
   */
  readonly ms_per_token: Spread;
  /** The same by the clock, with all that the machine did besides. */
  readonly wall_ms_per_token: Spread;
  readonly rows: number;
  readonly row_tokens: number;
  /** What `shared/peft/cost.ts` says of the same batch. */
  readonly estimated: { readonly peak_bytes: number; readonly ms_per_token: number };
}
