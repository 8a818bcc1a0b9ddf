/**
 * A child process that is kept running.
 *
 * It leads a process group of its own, so that its children end with it, and a shell outside that group watches a pipe from this
 * process: when this process ends, however it ends, the pipe closes and the shell ends the group. A process that ends by
 * itself is started again, after a pause that doubles while it keeps failing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";

export interface ServiceOptions {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Both outputs are appended to this file. */
  readonly logFile: string;
  /** Milliseconds: the first pause, the longest, and how long a process must have run for the pause to start over. */
  readonly pauses?: { readonly first: number; readonly longest: number; readonly healthy: number };
  /** Hears of every end that was not asked for. */
  readonly onEnd?: (why: string, pause: number) => void;
}

const PAUSES = { first: 250, longest: 30_000, healthy: 30_000 };
const GRACE_MS = 8_000;

/** $1 is the process, and its group. Asks it to end, waits up to eight seconds, then ends the whole group. */
const WATCHDOG = `
read -r line
if kill -s TERM "$1" 2>/dev/null; then
  left=80
  while [ "$left" -gt 0 ] && kill -0 "$1" 2>/dev/null; do sleep 0.1; left=$((left - 1)); done
fi
kill -s KILL -- "-$1" 2>/dev/null`;

export class Service {
  readonly #options: ServiceOptions;
  readonly #pauses: typeof PAUSES;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #pause: number;
  #stopping = false;

  /** Starts the process. */
  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#pauses = options.pauses ?? PAUSES;
    this.#pause = this.#pauses.first;
    this.#start();
  }

  /** Of the process that runs now, which leads its group; undefined during a pause. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Ends the process group at once; the process is then started again like one that ended by itself. */
  kill(): void {
    if (this.#child?.pid !== undefined) killGroup(this.#child.pid);
  }

  /** Asks the process to end, ends its group when it is done or eight seconds are over, and resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const timer = setTimeout(() => this.kill(), GRACE_MS);
    this.#child?.kill("SIGTERM");
    await this.#ended;
    clearTimeout(timer);
  }

  #start(): void {
    const { command, cwd, env, logFile } = this.#options;
    const [program, ...args] = command;
    const log = openSync(logFile, "a");
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", log, log], detached: true });
    closeSync(log);
    const watchdog = child.pid === undefined ? undefined : watch(child.pid);
    const started = performance.now();
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const end = (why: string): void => {
        if (this.#child !== child) return;
        this.#child = undefined;
        if (child.pid !== undefined) killGroup(child.pid);
        watchdog?.kill("SIGKILL");
        resolve();
        if (!this.#stopping) this.#startAgain(why, performance.now() - started);
      };
      child.once("error", (error) => end(error.message));
      child.once("exit", (status, signal) => end(signal === null ? `status ${status}` : signal));
    });
  }

  #startAgain(why: string, ranMs: number): void {
    if (ranMs >= this.#pauses.healthy) this.#pause = this.#pauses.first;
    const pause = this.#pause;
    this.#pause = Math.min(pause * 2, this.#pauses.longest);
    this.#timer = setTimeout(() => this.#start(), pause);
    this.#options.onEnd?.(why, pause);
  }
}

function watch(pid: number): ChildProcess {
  const watchdog = spawn("sh", ["-c", WATCHDOG, "trimtab-watchdog", String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  // Without a shell there is no watchdog; the process itself is none the worse for it.
  watchdog.once("error", () => undefined);
  watchdog.unref();
  return watchdog;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nobody of the group is left.
  }
}
