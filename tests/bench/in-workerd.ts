/** Runs a benchmark's worker in its own workerd, bundled like the real Worker. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { buildWasm } from "../../infra/start/build-wasm.ts";
import { runWrangler } from "../../infra/start/bundle-worker.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const DATE = "2026-07-01";

/** A worker that runs rounds of type R. */
export interface BenchWorker<R extends { readonly times: number }> {
  /** The clock that measures `ms`. */
  readonly clock: "processor" | "wall";
  /** Runs the round; `ms` is the time of one repetition, `answer` the worker's reply. Throws what the worker threw. */
  run(round: R): Promise<{ readonly ms: number; readonly answer: string }>;
  dispose(): Promise<void>;
}

/** Opens `tests/workerd/NAME.ts`, which takes a round as `POST /` and answers when it is done. */
export async function openBenchWorker<R extends { readonly times: number }>(name: string): Promise<BenchWorker<R>> {
  buildWasm();
  const folder = mkdtempSync(join(tmpdir(), "trimtab-bench-"));
  const settings = join(folder, "wrangler.json");
  const main = join(ROOT, `tests/workerd/${name}.ts`);
  writeFileSync(settings, JSON.stringify({ name, main, compatibility_date: DATE }));
  const bundle = join(folder, "bundle");
  await runWrangler(["deploy", "--dry-run", "--outdir", bundle, "--config", settings], new StateFolder(folder));
  const wasm = readdirSync(bundle).filter((name) => name.endsWith(".wasm"));
  const before = new Set(workerds());
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name,
      modulesRoot: bundle,
      modules: [
        { type: "ESModule", path: join(bundle, `${name}.js`) },
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
      const response = await miniflare.dispatchFetch("http://bench/", {
        method: "POST",
        body: JSON.stringify(round),
      });
      const answer = await response.text();
      const ms = (now() - start) / round.times;
      if (!response.ok) throw new Error(answer);
      return { ms, answer };
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
