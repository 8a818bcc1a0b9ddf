/**
 * Serves the bundled Worker in workerd: `node edge-process.ts <state folder>`, with HOST, PORT, ADMIN_TOKEN and TRAINER_TOKEN in
 * the environment. It uses Miniflare, which `wrangler dev` is built on, directly: one workerd process fewer, no file watching, no
 * inspector port, no network look-ups, and a crashed workerd is back in a third of a second.
 */
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { readBundle } from "./bundle-worker.ts";
import { HOST } from "./free-port.ts";
import { type Front, startFront } from "./front/front.ts";
import { scorerNetwork } from "./scorer-network.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Variables that are passed from this process's environment to the Worker. */
const VARIABLES = ["ADMIN_TOKEN", "TRAINER_TOKEN", "ENGINE_HEAP_MB", "CORS_ORIGINS", "SCORER_ALLOW"];

async function main(state: string, host: string, port: number): Promise<void> {
  const folder = join(state, "worker");
  const { script, wasm, options } = readBundle(folder);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...options,
      name: "trimtab",
      rootPath: ROOT,
      modulesRoot: folder,
      modules: [{ type: "ESModule", path: script }, ...wasm.map((path) => ({ type: "CompiledWasm" as const, path }))],
      bindings: variables(),
      serviceBindings: { SCORER_NETWORK: scorerNetwork(process.env.SCORER_ALLOW) },
      host: HOST,
      port: 0,
      cf: false,
      log: new Log(LogLevel.WARN),
      logRequests: false,
      telemetry: { enabled: false },
      resourcePersistencePath: join(state, "storage"),
    }),
  );
  let front: Front | undefined;
  const stop = (): void => {
    void front?.close();
    void miniflare.dispose().finally(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  // A workerd that is started again after a crash listens on the same port.
  const worker = await miniflare.ready;
  front = await startFront({ host, port, worker: { host: worker.hostname, port: Number(worker.port) } });
}

function variables(): Record<string, string> {
  return Object.fromEntries(
    VARIABLES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
}

await main(process.argv[2] ?? "", process.env.HOST || HOST, Number(process.env.PORT));
