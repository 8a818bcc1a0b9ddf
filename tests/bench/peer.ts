import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

/** What a run took on one of the sides. */
export interface Taken {
  readonly seconds: number;
  /** Seconds of processor time, of all threads. */
  readonly cpu: number;
}

export interface PeerStart {
  /** A Python with what the script imports. */
  readonly python: string;
  readonly script: string;
  /** What it needs to know, as its first line. */
  readonly first: object;
}

/** The other side of a benchmark in a process of its own, which runs what it is told and waits otherwise. */
export class Peer {
  readonly versions: Readonly<Record<string, string>>;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(process: ChildProcess, answers: AsyncIterator<string>, versions: Peer["versions"]) {
    this.#process = process;
    this.#answers = answers;
    this.versions = versions;
  }

  /** Throws with what it wrote if it does not answer. */
  static async start({ python, script, first }: PeerStart): Promise<Peer> {
    const child = spawn(python, [script], { stdio: ["pipe", "pipe", "pipe"] });
    let errors = "";
    child.stderr!.on("data", (text: Buffer) => (errors = (errors + text).slice(-4000)));
    const lines: Interface = createInterface({ input: child.stdout! });
    const answers = lines[Symbol.asyncIterator]();
    child.stdin!.write(`${JSON.stringify(first)}\n`);
    const failed = new Promise<never>((_, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`the other side ended with ${code}:\n${errors}`)));
    });
    failed.catch(() => undefined);
    const next = async () => {
      const answer = await answers.next();
      // Its output ends a moment before the process does.
      return answer.done === true ? await failed : answer;
    };
    const guarded: AsyncIterator<string> = { next: () => Promise.race([next(), failed]) };
    const { value } = await guarded.next();
    return new Peer(child, guarded, (JSON.parse(value) as { versions: Peer["versions"] }).versions);
  }

  async ask<T extends Taken>(command: object): Promise<T> {
    this.#process.stdin!.write(`${JSON.stringify(command)}\n`);
    const { value } = await this.#answers.next();
    return JSON.parse(value) as T;
  }

  stop(): void {
    this.#process.stdin!.end();
  }
}
