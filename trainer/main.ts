/**
 * The trainer service: leases jobs from the server's queue, trains, and publishes the results.
 *
 *     TRIMTAB_URL=http://127.0.0.1:8787 TRAINER_TOKEN=… node trainer/main.ts
 *
 * Also read: TRIMTAB_EXECUTOR (`onnxruntime` or `tensorflow`), TRIMTAB_TFJS_BACKEND, TRIMTAB_THREADS (all cores),
 * TRIMTAB_STATE (`.trimtab`). SIGTERM or SIGINT stores the running job's state, hands the job back and ends the process; a
 * second one ends it at once.
 */
import { messageOf } from "../shared/errors.ts";
import { readSettings } from "./service/settings.ts";
import { startService } from "./service/start.ts";

const log = (line: string) => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);

const shutdown = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (shutdown.signal.aborted) process.exit(1);
    log(`${signal}: ending after the current step`);
    shutdown.abort();
  });
}
// One job's stray promise must not end the process that runs the next.
process.on("unhandledRejection", (error) => log(`unhandled: ${error instanceof Error ? error.stack : String(error)}`));

try {
  await startService(readSettings(process.env), log, shutdown.signal);
  process.exit(0);
} catch (error) {
  log(messageOf(error));
  process.exit(1);
}
