/**
 * The trainer: leases jobs from the server's queue, runs them and publishes the results.
 *
 *     TRIMTAB_URL=http://127.0.0.1:8787 TRAINER_TOKEN=… node trainer/main.ts
 *
 * Optional variables, with their defaults: TRIMTAB_EXECUTOR (`onnxruntime`; or `tensorflow`), TRIMTAB_TFJS_BACKEND,
 * TRIMTAB_THREADS (all cores), TRIMTAB_LANES (`jobs,edits`), TRIMTAB_STATE (`.trimtab`). On SIGTERM or SIGINT the process saves the running job's state,
 * releases the job and exits; a second signal exits at once.
 */
import { messageOf } from "../shared/errors.ts";
import { readSettings } from "./service/settings.ts";
import { startService } from "./service/start.ts";

const log = (line: string) => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);

const shutdown = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (shutdown.signal.aborted) process.exit(1);
    log(`${signal}: exiting after the current step`);
    shutdown.abort();
  });
}
// An unhandled rejection from one job must not kill the process that runs the next.
process.on("unhandledRejection", (error) =>
  log(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`),
);

try {
  await startService(readSettings(process.env), log, shutdown.signal);
  process.exit(0);
} catch (error) {
  log(messageOf(error));
  process.exit(1);
}
