/** Runs the benchmark's worker in its own workerd, bundled like the real Worker. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { buildWasm } from "../../../infra/start/build-wasm.ts";
import { runWrangler } from "../../../infra/start/bundle-worker.ts";
import { StateFolder } from "../../../infra/start/state-folder.ts";
import type { Round } from "./round.ts";

const ROOT = join(import.meta.dirname, "../../..");
const DATE = "2026-07-01";

export interface ServingWorker {
  /** The clock that measures `ms`. */
  readonly clock: "processor" | "wall";
  /** Runs the round; `ms` is the time of one repetition. */
  run(round: Round): Promise<{ readonly ms: number; readonly layout: "bank" | "rows" }>;
  dispose(): Promise<void>;
}

export async function openServingWorker(): Promise<ServingWorker> {
  buildWasm();
  const folder = mkdtempSync(join(tmpdir(), "trimtab-bench-"));
  const settings = join(folder, "wrangler.json");
  const main = join(ROOT, "tests/workerd/serving-bench.ts");
  writeFileSync(settings, JSON.stringify({ name: "serving", main, compatibility_date: DATE }));
  const bundle = join(folder, "bundle");
  await runWrangler(["deploy", "--dry-run", "--outdir", bundle, "--config", settings], new StateFolder(folder));
  const wasm = readdirSync(bundle).filter((name) => name.endsWith(".wasm"));
  const before = new Set(workerds());
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "serving",
      modulesRoot: bundle,
      modules: [
        { type: "ESModule", path: join(bundle, "serving-bench.js") },
        ...wasm.map((name) => ({ type: "CompiledWasm" as const, path: join(bundle, name) })),
      ],
      compatibilityDate: DATE,
      cf: false,
      log: new Log(LogLevel.WARN),
      telemetry: { enabled: false },
    }),
  );
  await miniflare.ready;
  const pid = workerds().find((each) => !before.has(each));
  const now = () => (pid === undefined ? performance.now() : processorMs(pid));
  return {
    clock: pid === undefined ? "wall" : "processor",
    async run(round) {
      const start = now();
      const response = await miniflare.dispatchFetch("http://serving/", {
        method: "POST",
        body: JSON.stringify(round),
      });
      const text = await response.text();
      const ms = (now() - start) / round.times;
      if (!response.ok) throw new Error(text);
      return { ms, layout: text as "bank" | "rows" };
    },
    async dispose() {
      await miniflare.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The workerd processes that this process started, if Linux can list them. */
function workerds(): number[] {
  const pids = readable(() => readdirSync("/proc").filter((name) => /^\d+$/.test(name))) ?? [];
  return pids.map(Number).filter((pid) => {
    const stat = readable(() => readFileSync(`/proc/${pid}/stat`, "utf8")) ?? "";
    return new RegExp(`\\(workerd\\) \\S ${process.pid} `).test(stat);
  });
}

/** Total run time of a process's threads, which other processes on the machine do not affect. */
function processorMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const times = readdirSync(tasks).map((task) => {
    const stat = readable(() => readFileSync(`${tasks}/${task}/schedstat`, "utf8")) ?? "0";
    return Number(stat.split(" ")[0]);
  });
  return times.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
