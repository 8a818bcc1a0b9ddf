import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { EXECUTOR_NAMES, type Executor, type ExecutorName } from "../engines/executor.ts";
import { createExecutor } from "../engines/registry.ts";
import { RECIPES } from "../recipes/registry.ts";
import { createSend, type HttpEffects } from "./http.ts";
import { serve } from "./serve.ts";
import type { ServiceSettings } from "./settings.ts";

/** Runs the trainer with the real network and clock until `shutdown` aborts. */
export async function startService(
  settings: ServiceSettings,
  log: (line: string) => void,
  shutdown: AbortSignal,
): Promise<void> {
  const effects: HttpEffects = {
    fetch,
    sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal }).catch(() => undefined),
    random: Math.random,
    now: Date.now,
  };
  const executors = new Map<ExecutorName, Promise<Executor>>();
  const executor = (name: ExecutorName | null): Promise<Executor> => {
    const chosen = name ?? settings.executor;
    const existing = executors.get(chosen);
    if (existing !== undefined) return existing;
    const created = createExecutor(chosen, { threads: settings.threads, tfjsBackend: settings.tfjsBackend });
    executors.set(chosen, created);
    // A missing package may be installed before the next job asks.
    created.catch(() => executors.delete(chosen));
    return created;
  };
  log(
    `trainer ${settings.trainer}: ${settings.url.origin}, ${settings.executor}, ${settings.threads} threads, lanes ${settings.lanes.join(" and ")}`,
  );
  await serve({
    send: createSend(settings.url, settings.token, effects),
    effects,
    trainer: settings.trainer,
    executors: EXECUTOR_NAMES,
    lanes: settings.lanes,
    executor,
    recipe: (type) => RECIPES[type],
    cacheFolder: join(settings.stateFolder, "trainer-cache"),
    shutdown,
    log,
  });
  log(`trainer ${settings.trainer}: stopped`);
}
