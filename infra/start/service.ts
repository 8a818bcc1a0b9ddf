/**
 * A supervised child process.
 *
 * The child leads its own process group, so that its children stop with it. A shell outside the group watches a pipe from this
 * process: however this process ends, the pipe closes and the shell kills the group. Where that shell cannot be started or is killed,
 * the child runs unwatched, which is better than not at all. A child that exits by itself is restarted after a pause, which doubles
 * while it keeps failing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Writable } from "node:stream";
import { type LogLimits, rotateLog } from "./rotating-log.ts";

export interface ServiceOptions {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Both outputs are appended to this file, which is rotated by its size. */
  readonly logFile: string;
  readonly logLimits?: LogLimits;
  /** Milliseconds: the first pause, the longest pause, and the run time after which the pause resets. */
  readonly pauses?: { readonly first: number; readonly longest: number; readonly healthy: number };
  /** Called whenever the process exits by itself. */
  readonly onEnd?: (why: string, pause: number) => void;
}

const PAUSES = { first: 250, longest: 30_000, healthy: 30_000 };
const GRACE_MS = 8_000;
const ROTATE_EVERY_MS = 1_000;

/**
 * Reads the id of the process, which is also its group's, and waits for the pipe to close. Then it sends SIGTERM, waits up to eight
 * seconds, and kills the whole group. A process that has ended keeps its id, in state Z, until somebody asks how.
 */
const WATCHDOG = `
read -r pid || exit 0
read -r line
kill -s TERM "$pid" 2>/dev/null
left=40
while [ "$left" -gt 0 ] && kill -0 "$pid" 2>/dev/null; do
  read -r stat <"/proc/$pid/stat"
  case "$stat" in *") Z "*) break ;; esac
  sleep 0.2
  left=$((left - 1))
done
kill -s KILL -- "-$pid" 2>/dev/null`;

/**
 * Becomes the program once its file descriptor 3 says so, which is after its id was written to the watchdog's pipe, if there is a
 * watchdog. If this process is killed before that, the descriptor closes and the program never starts. The files that it makes are
 * its user's alone.
 */
const GATE = 'umask 077; read -r open <&3 || exit 0; exec 3<&-; exec "$@"';

export class Service {
  readonly #options: ServiceOptions;
  readonly #pauses: typeof PAUSES;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #pause: number;
  #stopping = false;
  readonly #rotating: NodeJS.Timeout;

  /** Starts the process. */
  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#pauses = options.pauses ?? PAUSES;
    this.#pause = this.#pauses.first;
    this.#start();
    this.#rotating = setInterval(() => rotateLog(options.logFile, options.logLimits), ROTATE_EVERY_MS);
    this.#rotating.unref();
  }

  /** Id of the running process and its group; undefined during a pause. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Kills the process group; the process is then restarted as if it had exited by itself. */
  kill(): void {
    if (this.#child?.pid !== undefined) killGroup(this.#child.pid);
  }

  /** Sends SIGTERM, kills the group when the process exits or after eight seconds, and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#rotating);
    clearTimeout(this.#timer);
    const timer = setTimeout(() => this.kill(), GRACE_MS);
    this.#child?.kill("SIGTERM");
    await this.#ended;
    clearTimeout(timer);
  }

  #start(): void {
    const { command, cwd, env, logFile } = this.#options;
    const [program, ...args] = command;
    const log = openSync(logFile, "a", 0o600);
    const watchdog = startWatchdog();
    const gated = ["-c", GATE, "trimtab-gate", program, ...args];
    const child = spawn("sh", gated, { cwd, env, stdio: ["ignore", log, log, "pipe"], detached: true });
    closeSync(log);
    if (child.pid !== undefined) watchdog.stdin?.write(`${child.pid}\n`);
    const gate = child.stdio[3] as Writable;
    gate.on("error", () => undefined);
    gate.end("open\n");
    const started = performance.now();
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const end = (why: string): void => {
        if (this.#child !== child) return;
        this.#child = undefined;
        if (child.pid !== undefined) killGroup(child.pid);
        watchdog.kill("SIGKILL");
        resolve();
        if (!this.#stopping) this.#restart(why, performance.now() - started);
      };
      child.once("error", (error) => end(error.message));
      child.once("exit", (status, signal) => end(signal === null ? `status ${status}` : signal));
    });
  }

  #restart(why: string, ranMs: number): void {
    if (ranMs >= this.#pauses.healthy) this.#pause = this.#pauses.first;
    const pause = this.#pause;
    this.#pause = Math.min(pause * 2, this.#pauses.longest);
    this.#timer = setTimeout(() => this.#start(), pause);
    this.#options.onEnd?.(why, pause);
  }
}

function startWatchdog(): ChildProcess {
  const watchdog = spawn("sh", ["-c", WATCHDOG, "trimtab-watchdog"], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watchdog.once("error", () => undefined);
  watchdog.stdin?.on("error", () => undefined);
  watchdog.unref();
  return watchdog;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // The group is already gone.
  }
}
