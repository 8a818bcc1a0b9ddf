/** Bundles the Worker as a deployment would: `wrangler deploy --dry-run`, which reads wrangler.toml and sends nothing. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { TrimtabError } from "../../shared/errors.ts";
import type { StateFolder } from "./state-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const WRANGLER = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
const TIMEOUT_MS = 120_000;
const OPTIONS = "options.json";

/** Absolute paths, and the Worker's settings as `worker-options.ts` prints them. */
export interface WorkerBundle {
  readonly script: string;
  readonly wasm: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Writes the bundle into the state folder's `worker`, in place of what is there.
 *
 * @throws TrimtabError internal_error with wrangler's own words.
 */
export async function bundleWorker(state: StateFolder): Promise<void> {
  const folder = state.file("worker");
  rmSync(folder, { recursive: true, force: true });
  const [, options] = await Promise.all([
    runWrangler(["deploy", "--dry-run", "--outdir", folder], state),
    node([join(import.meta.dirname, "worker-options.ts")], wranglerEnv(state)),
  ]);
  writeFileSync(join(folder, OPTIONS), options);
}

/** What a bundle's folder holds. */
export function readBundle(folder: string): WorkerBundle {
  const wasm = readdirSync(folder).filter((name) => name.endsWith(".wasm"));
  return {
    script: join(folder, "worker.js"),
    wasm: wasm.map((name) => join(folder, name)),
    options: JSON.parse(readFileSync(join(folder, OPTIONS), "utf8")) as Record<string, unknown>,
  };
}

/**
 * Runs wrangler in the repository's root, to its end; its standard output.
 *
 * @throws TrimtabError internal_error with wrangler's own words.
 */
export function runWrangler(args: readonly string[], state: StateFolder): Promise<string> {
  return node([WRANGLER, ...args], wranglerEnv(state));
}

/** Runs a program to its end; its standard output. */
async function node(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env, timeout: TIMEOUT_MS });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new TrimtabError("internal_error", `The Worker could not be bundled.\n${stdout}${stderr}`.trim(), {
      cause: error,
    });
  }
}

/** wrangler asks nothing, reports nothing, looks for no newer version and writes its logs into the state folder. */
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
