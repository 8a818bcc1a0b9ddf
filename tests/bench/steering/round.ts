import type { CeilingRound } from "../workerd-ceiling.ts";
import type { CaseName } from "./cases.ts";

/** One thing done inside workerd. */
export type SteeringRound = CeilingRound | LoadRound | GenerateRound | CompileRound | RulesRound | MixRound;

/** Loads the base. */
export interface LoadRound {
  readonly op: "load";
  readonly times: 1;
  /** model.safetensors in base64, and the parsed files of the tokenizer. */
  readonly weights: string;
  readonly tokenizer: object;
  readonly tokenizerConfig: object;
}

/** As many requests as `batch` says, all at once, each with a prompt that no other has; answers with `Counts`. */
export interface GenerateRound {
  readonly op: "generate";
  readonly times: 1;
  readonly name: CaseName;
  readonly batch: number;
  /** Choices of each request. */
  readonly choices: number;
  readonly prompt: number;
  readonly tokens: number;
}

/** Compiles the rule of every schema anew. */
export interface CompileRound {
  readonly op: "compile";
  readonly times: 1;
  readonly schemas: readonly unknown[];
}

/**
 * One text for each schema that was compiled, one after the other, and one request at a time: held to it, or of the lengths that
 * these texts had when they were made last. Answers with `Counts`.
 */
export interface RulesRound {
  readonly op: "rules";
  readonly times: 1;
  readonly held: boolean;
  readonly prompt: number;
  readonly tokens: number;
}

/** Requests of these kinds in turn, `batch` of them at a time, until there were `requests`; answers with `Counts`. */
export interface MixRound {
  readonly op: "mix";
  readonly times: 1;
  readonly names: readonly CaseName[];
  readonly requests: number;
  readonly batch: number;
  readonly prompt: number;
  readonly tokens: number;
}

export interface Counts {
  /** Of all texts. */
  readonly tokens: number;
  /** Positions that were prefilled, of companions too. */
  readonly prefilled: number;
  /** Positions that companions and probes computed. */
  readonly steering: number;
  /** Sessions that were compiled meanwhile. */
  readonly sessions: number;
}
