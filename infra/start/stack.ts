/** A running stack: the Worker in workerd and one trainer, both supervised, with all their data in one folder. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Executor } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { bundleWorker, wranglerEnv } from "./bundle-worker.ts";
import { requireSpace, spaceWarning } from "./disk-space.ts";
import { HOST } from "./free-port.ts";
import { type ListenAddress, listenAddress, urlOf } from "./listen-address.ts";
import { checkScorerAllow } from "./scorer-network.ts";
import { Service } from "./service.ts";
import type { Secrets, StateFolder } from "./state-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const START_TIMEOUT_MS = 60_000;
const HEALTH_EVERY_MS = 5_000;
/** A Worker that compiles a session or prefills a long prompt answers late; one that is silent this long is stuck. */
const SILENCE_MS = 90_000;

export interface StackOptions {
  readonly state: StateFolder;
  readonly port: number;
  /** Loopback by default. */
  readonly address?: ListenAddress;
  /** Called with messages for the user. */
  readonly log: (line: string) => void;
}

export interface Stack {
  readonly url: string;
  readonly secrets: Secrets;
  /** Stops every process. */
  stop(): Promise<void>;
}

/**
 * Starts the stack and resolves when it answers. Locks the state folder until the stack is stopped.
 *
 * @throws TrimtabError internal_error, with the end of the server's log, if the server does not start, or if the disk is full;
 * invalid_request if an environment variable cannot be used.
 */
export async function startStack({ state, port, address = listenAddress(HOST), log }: StackOptions): Promise<Stack> {
  checkExecutor(process.env.TRIMTAB_EXECUTOR);
  checkHeap(process.env.ENGINE_HEAP_MB);
  checkTrainer(process.env.TRIMTAB_TRAINER);
  checkScorerAllow(process.env.SCORER_ALLOW);
  requireSpace(state.path);
  const unlock = state.lock();
  log(folderLine(state));
  if (state.notice !== undefined) log(state.notice);
  const services: Service[] = [];
  let watch: NodeJS.Timeout | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(watch);
    // Stop the trainer first: it still saves its job's state to the server and releases the job.
    for (const service of services.toReversed()) await service.stop();
    unlock();
  };
  try {
    const secrets = secretsFor(state, process.env);
    rmSync(state.file("tmp"), { recursive: true, force: true });
    await bundleWorker(state);
    const url = urlOf(address.local, port);
    const edge = startEdge({ state, port, host: address.host, secrets, log });
    services.push(edge);
    await untilHealthy(url, state, edge);
    watch = watchHealth({ url, edge, folder: state.path, log });
    if (address.warning !== undefined) log(address.warning);
    if (process.env.TRIMTAB_TRAINER !== "none") services.push(startTrainer({ state, url, secrets, log }));
    return { url, secrets, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The trainer checks this too, but would only log the error and restart forever. */
function checkExecutor(name: string | undefined): void {
  if (name === undefined || name === "" || Executor.safeParse(name).success) return;
  throw new TrimtabError(
    "invalid_request",
    `TRIMTAB_EXECUTOR is ${JSON.stringify(name)}: set it to ${Executor.options.join(" or ")}, or leave it unset.`,
    { param: "TRIMTAB_EXECUTOR" },
  );
}

/** TRIMTAB_TRAINER: whether this stack runs its own trainer, or leaves its jobs to trainers elsewhere. */
const TRAINERS = ["local", "none"];

function checkTrainer(value: string | undefined): void {
  if (value === undefined || value === "" || TRAINERS.includes(value)) return;
  throw new TrimtabError(
    "invalid_request",
    `TRIMTAB_TRAINER is ${JSON.stringify(value)}: set it to ${TRAINERS.join(" or ")}, or leave it unset for a local one.`,
    { param: "TRIMTAB_TRAINER" },
  );
}

/** The tokens of the server: those of its environment, or else those of its folder. */
function secretsFor(state: StateFolder, env: NodeJS.ProcessEnv): Secrets {
  const own = state.secrets();
  return { admin_token: env.ADMIN_TOKEN || own.admin_token, trainer_token: env.TRAINER_TOKEN || own.trainer_token };
}

/** As much as WebAssembly can address. */
const LARGEST_HEAP_MB = 4096;

/** The Worker ignores a value that is not a number, and would then reject a base that the user has made room for. */
function checkHeap(value: string | undefined): void {
  if (value === undefined || value === "") return;
  const megabytes = Number(value);
  if (Number.isInteger(megabytes) && megabytes > 0 && megabytes <= LARGEST_HEAP_MB) return;
  throw new TrimtabError(
    "invalid_request",
    `ENGINE_HEAP_MB is ${JSON.stringify(value)}: set it to a whole number of MiB up to ${LARGEST_HEAP_MB}, or leave it unset for 96.`,
    { param: "ENGINE_HEAP_MB" },
  );
}

/** Says which folder is in use, because a typing error in TRIMTAB_STATE would otherwise start an empty stack unnoticed. */
function folderLine({ path, isNew }: StateFolder): string {
  return isNew ? `New state folder ${path}: it starts empty, with new secrets.` : `State folder ${path}`;
}

interface ServiceContext {
  readonly state: StateFolder;
  readonly secrets: Secrets;
  readonly log: (line: string) => void;
}

function startEdge({
  state,
  port,
  host,
  secrets,
  log,
}: ServiceContext & { readonly port: number; readonly host: string }): Service {
  return new Service({
    name: "server",
    command: [process.execPath, join(ROOT, "infra/start/edge-process.ts"), state.path],
    cwd: ROOT,
    env: {
      ...wranglerEnv(state),
      PORT: String(port),
      HOST: host,
      ADMIN_TOKEN: secrets.admin_token,
      TRAINER_TOKEN: secrets.trainer_token,
      TMPDIR: state.folder("tmp"),
    },
    logFile: state.logFile("server"),
    onEnd: (why, pause) => log(`The server exited (${why}). Restarting in ${pause} ms.`),
  });
}

function startTrainer({ state, url, secrets, log }: ServiceContext & { readonly url: string }): Service {
  const logFile = state.logFile("trainer");
  return new Service({
    name: "trainer",
    command: [process.execPath, join(ROOT, "trainer/main.ts")],
    cwd: ROOT,
    env: {
      ...process.env,
      TRIMTAB_URL: url,
      TRAINER_TOKEN: secrets.trainer_token,
      TRIMTAB_STATE: state.folder("trainer"),
    },
    logFile,
    onEnd: (why, pause) =>
      log(`The trainer exited (${why}). Restarting in ${pause} ms. Last line of ${logFile}:\n${endOf(logFile, 1)}`),
  });
}

async function untilHealthy(url: string, state: StateFolder, edge: Service): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  const first = edge.pid;
  while (performance.now() < deadline) {
    if (await isHealthy(url, 2_000)) return;
    if (edge.pid !== first) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const file = state.logFile("server");
  throw new TrimtabError("internal_error", `The server did not start. Last lines of ${file}:\n${endOf(file)}`);
}

interface Watched {
  readonly url: string;
  readonly edge: Service;
  /** The folder whose disk is watched. */
  readonly folder: string;
  readonly log: (line: string) => void;
}

/** Restarts a server that has not answered for a long time, and says when its disk is nearly full. */
function watchHealth({ url, edge, folder, log }: Watched): NodeJS.Timeout {
  let answered = performance.now();
  let asking = false;
  let warned: string | undefined;
  const timer = setInterval(async () => {
    const space = spaceWarning(folder);
    if (space !== undefined && warned === undefined) log(space);
    warned = space;
    if (asking) return;
    asking = true;
    if (await isHealthy(url, SILENCE_MS / 3)) answered = performance.now();
    asking = false;
    if (performance.now() - answered < SILENCE_MS) return;
    log("The server has stopped answering. Restarting it.");
    answered = performance.now();
    edge.kill();
  }, HEALTH_EVERY_MS);
  timer.unref();
  return timer;
}

async function isHealthy(url: string, timeoutMs: number): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(timeoutMs) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

function endOf(file: string, lines = 25): string {
  if (!existsSync(file)) return "(no log)";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}
