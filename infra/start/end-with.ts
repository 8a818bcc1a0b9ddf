import { messageOf } from "../../shared/errors.ts";

/** npm passes Ctrl-C on to a process that the terminal has already told, so two within this time are one. */
const ONE_KEYPRESS_MS = 1_000;
const PARENT_EVERY_MS = 500;

/**
 * Calls `stop` once when this process is asked to end, then exits: Ctrl-C, SIGTERM, a closed terminal, or the end of the npm
 * process that started it, which does not always pass signals on. A second Ctrl-C does not wait; nor does one while the
 * stack still starts: what runs by then is ended by its watchdogs.
 *
 * @returns the way to end from within, with a status
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
