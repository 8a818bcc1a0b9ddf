/** Bundles the Worker as a deployment would: `wrangler deploy --dry-run`, which reads wrangler.toml and sends nothing. */
import { execFile } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { TrimtabError } from "../../shared/errors.ts";
import type { StateFolder } from "./state-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const WRANGLER = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
const TIMEOUT_MS = 120_000;

/** Absolute paths. */
export interface WorkerBundle {
  readonly script: string;
  readonly wasm: readonly string[];
}

/**
 * Writes the bundle into the state folder's `worker`, in place of what is there.
 *
 * @throws TrimtabError internal_error with wrangler's own words.
 */
export async function bundleWorker(state: StateFolder): Promise<WorkerBundle> {
  const folder = state.file("worker");
  rmSync(folder, { recursive: true, force: true });
  const args = [WRANGLER, "deploy", "--dry-run", "--outdir", folder];
  try {
    await promisify(execFile)(process.execPath, args, { cwd: ROOT, env: wranglerEnv(state), timeout: TIMEOUT_MS });
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
    throw new TrimtabError("internal_error", `The Worker could not be bundled.\n${stdout}${stderr}`.trim(), {
      cause: error,
      data: { message },
    });
  }
  return findBundle(folder);
}

/** What a bundle's folder holds. */
export function findBundle(folder: string): WorkerBundle {
  const wasm = readdirSync(folder).filter((name) => name.endsWith(".wasm"));
  return { script: join(folder, "worker.js"), wasm: wasm.map((name) => join(folder, name)) };
}

/** wrangler asks nothing, reports nothing, looks for no newer version and writes its logs into the state folder. */
function wranglerEnv(state: StateFolder): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CI: "true",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_LOG_PATH: join(state.folder("logs"), "wrangler"),
    XDG_CONFIG_HOME: state.folder("config"),
  };
}
