/** Where a text is in a rule, and what remains to be written. */
import type { Lexeme } from "../lexeme/lexeme.ts";
import type { Term } from "./terms.ts";

export interface Thread {
  readonly lexeme: Lexeme;
  readonly at: number;
  readonly rest: Context;
}

export interface ControlThread {
  readonly token: number;
  readonly rest: Context;
}

export interface State {
  readonly id: number;
  readonly threads: readonly Thread[];
  readonly controls: readonly ControlThread[];
  /** Whether the text may end here. */
  readonly accepts: boolean;
  /** By byte; null where none may follow, undefined where it is not known yet. */
  readonly next: (State | null | undefined)[];
}

/** A set of ways in which a text may go on. */
export interface Context {
  readonly id: number;
  readonly frames: readonly Frame[];
  /** The state in which the machine is when the text has come here; found when it is first needed. */
  after?: State;
}

/** A term, and what follows it. The end of the text is the frame without them. */
export interface Frame {
  readonly id: number;
  readonly next?: { readonly term: Term; readonly rest: Context };
}
