import { messageOf } from "../../shared/errors.ts";

/** On Ctrl-C both the terminal and npm send SIGINT, so two within this time count as one. */
const ONE_KEYPRESS_MS = 1_000;
const PARENT_EVERY_MS = 500;

/**
 * Calls `stop` once and exits on Ctrl-C, SIGTERM, a closed terminal, or the exit of the npm process that started this one (npm
 * does not always forward signals). A second Ctrl-C exits without waiting, and so does one while the stack is starting;
 * watchdogs then kill the child processes.
 *
 * @returns a function that does the same from within, with an exit status
 */
export function endWith(stop: () => Promise<void>): (status: number) => void {
  let endedAt: number | undefined;
  const end = (status: number): void => {
    if (endedAt !== undefined) return;
    endedAt = performance.now();
    stop().then(
      () => process.exit(status),
      (error) => {
        process.stderr.write(`${messageOf(error)}\n`);
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (signal === "SIGINT" && endedAt !== undefined && performance.now() - endedAt > ONE_KEYPRESS_MS)
        process.exit(1);
      end(0);
    });
  }
  if (process.env.npm_lifecycle_event !== undefined) {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && end(0), PARENT_EVERY_MS).unref();
  }
  return end;
}
