/** Bundles the Worker as a deployment would, with `wrangler deploy --dry-run`, which uploads nothing. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { TrimtabError } from "../../shared/errors.ts";
import { bundleKey, cachedBundle } from "./bundle-cache.ts";
import type { StateFolder } from "./state-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const WRANGLER = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
const TIMEOUT_MS = 120_000;
const OPTIONS = "options.json";
/** Goes with the packages that the bundles contain. */
const CACHE = join(ROOT, "node_modules/.cache/trimtab/worker");

/** Absolute paths of the bundle's files, and the Worker's settings as printed by `worker-options.ts`. */
export interface WorkerBundle {
  readonly script: string;
  readonly wasm: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Writes the bundle to `worker` in the state folder, replacing the previous one. Unchanged sources are bundled once.
 *
 * @throws TrimtabError internal_error with wrangler's output.
 */
export async function bundleWorker(state: StateFolder): Promise<void> {
  const folder = state.file("worker");
  rmSync(folder, { recursive: true, force: true });
  const bundle = async () => void (await runWrangler(["deploy", "--dry-run", "--outdir", folder], state));
  const [, options] = await Promise.all([
    cachedBundle({ cache: CACHE, key: bundleKey(ROOT), target: folder }, bundle),
    node([join(import.meta.dirname, "worker-options.ts")], wranglerEnv(state)),
  ]);
  writeFileSync(join(folder, OPTIONS), options);
}

/** Reads a bundle's folder. */
export function readBundle(folder: string): WorkerBundle {
  const wasm = readdirSync(folder).filter((name) => name.endsWith(".wasm"));
  return {
    script: join(folder, "worker.js"),
    wasm: wasm.map((name) => join(folder, name)),
    options: JSON.parse(readFileSync(join(folder, OPTIONS), "utf8")) as Record<string, unknown>,
  };
}

/**
 * Runs wrangler in the repository's root and returns its standard output.
 *
 * @throws TrimtabError internal_error with wrangler's output.
 */
export function runWrangler(args: readonly string[], state: StateFolder): Promise<string> {
  return node([WRANGLER, ...args], wranglerEnv(state));
}

/** Runs a program and returns its standard output. */
async function node(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env, timeout: TIMEOUT_MS });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new TrimtabError("internal_error", `Could not bundle the Worker.\n${stdout}${stderr}`.trim(), {
      cause: error,
    });
  }
}

/** Keeps wrangler from prompting, sending metrics and checking for updates, and puts its logs in the state folder. */
export function wranglerEnv(state: StateFolder): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CI: "true",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_LOG_PATH: join(state.folder("logs"), "wrangler"),
    XDG_CONFIG_HOME: state.folder("config"),
  };
}
