import type { PeftChoice } from "../../../shared/peft/presets.ts";
import type { Machine } from "../machine.ts";

/** The output of `npm run bench -- peft --json`, saved in `results/peft.json`. */
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
  /** onnxruntime's matrix throughput between rounds with the same threads: median and range. */
  readonly ceiling_gflops: Spread;
  readonly base: BaseRow;
  readonly rows: readonly PeftBenchRow[];
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Quality on data that was not trained on. */
interface Measured {
  /** Nats per token of the answers. */
  readonly held_out_loss: number;
  /** Share of the questions whose greedy reply has the right style and fact. */
  readonly right_answers: number;
  /** Nats per token of text like the base's training data. */
  readonly base_text_loss: number;
  readonly sample: string;
  /** Peak memory of the process, before it evaluated anything. */
  readonly peak_bytes: number;
}

/** The unchanged base, in a process that loads it without training. */
export interface BaseRow extends Measured {}

export interface PeftBenchRow extends Measured {
  readonly name: string;
  /** In the form that a job gives. */
  readonly peft: PeftChoice;
  readonly learning_rate: number;
  readonly trainable_parameters: number;
  readonly delta_bytes: number;
  /** The increase in `base_text_loss`. */
  readonly forgetting: number;
  /**
   * Training time per token of text: processor time over threads, which is the elapsed time on an idle machine. Median and range
   * over the rounds.
   */
  readonly ms_per_token: Spread;
  /** The same in elapsed time, which includes other work on the machine. */
  readonly wall_ms_per_token: Spread;
  readonly rows: number;
  readonly row_tokens: number;
  /** The estimate of `shared/peft/cost.ts` for the same batch. */
  readonly estimated: { readonly peak_bytes: number; readonly ms_per_token: number };
}
