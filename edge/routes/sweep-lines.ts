import { errorResponse } from "../../shared/api/errors.ts";
import type { Sweep } from "../../shared/api/steering-sweep.ts";
import type { SweepPlan } from "../../shared/sweep/plan.ts";
import type { RunResult } from "../../shared/sweep/sweep.ts";
import { sseData, sseEvent } from "./sse.ts";

/** A comment this often tells proxies and clients that a long run is still under way. */
const QUIET_MS = 10_000;

/**
 * A sweep as server-sent events: `sweep.run` when a run has ended, and at last `sweep.completed` with the whole, or `error`.
 * `start` begins it, with what hears of every run.
 */
export async function* sweepLines(
  { runs }: Pick<SweepPlan, "runs">,
  start: (finished: (result: RunResult, done: number) => void) => Promise<Sweep>,
): AsyncGenerator<string, void> {
  const ready: string[] = [];
  let ended = false;
  let wake = () => {};
  const add = (line: string) => {
    ready.push(line);
    wake();
  };
  const finished = ({ run: { kind, name, grid }, statistics }: RunResult, done: number) =>
    add(sseEvent(withType("sweep.run", { done, of: runs.length, kind, name, grid, statistics })));
  void start(finished)
    .then(
      (sweep) => add(sseEvent(withType("sweep.completed", { sweep }))),
      (error: unknown) => add(`event: error\n${sseData(errorResponse(error))}`),
    )
    .finally(() => {
      ended = true;
      wake();
    });
  for (;;) {
    const line = ready.shift();
    if (line !== undefined) yield line;
    else if (ended) return;
    else if (!(await woken())) yield ": still running\n\n";
  }

  /** Whether there is something new, or else it was quiet for long. */
  function woken(): Promise<boolean> {
    return new Promise((resolve) => {
      const quiet = setTimeout(() => resolve(false), QUIET_MS);
      wake = () => {
        clearTimeout(quiet);
        resolve(true);
      };
    });
  }
}

const withType = <T extends object>(type: string, fields: T) => ({ type, ...fields });
