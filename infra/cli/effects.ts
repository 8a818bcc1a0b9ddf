import type { ProgressOutput } from "../start/progress.ts";

/** The command's surroundings. */
export interface CliEffects {
  /** Writes a result to standard output. */
  readonly print: (text: string) => unknown;
  /** Writes to standard error, and sets the exit status: 1 for what has failed, 2 for a command that could not be run. */
  readonly fail: (text: string, status: 1 | 2) => void;
  /** Progress bars and what happens meanwhile. */
  readonly progress: ProgressOutput;
  readonly input: NodeJS.ReadableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
}
