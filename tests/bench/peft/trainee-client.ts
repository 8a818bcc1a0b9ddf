import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Answer, TraineeCalls } from "./trainee-process.ts";

const PROGRAM = join(import.meta.dirname, "trainee-process.ts");

/** A contender's process, seen from the parent. */
export interface TraineeClient {
  call<N extends keyof TraineeCalls>(
    name: N,
    ...argument: Parameters<TraineeCalls[N]>
  ): Promise<Awaited<ReturnType<TraineeCalls[N]>>>;
  end(): void;
}

/** Starts a process. Calls reject with the process's error, or if it exits without an answer. */
export function openTrainee(name: string): TraineeClient {
  const child = fork(PROGRAM, { execArgv: ["--disable-warning=ExperimentalWarning"] });
  return {
    async call(call, ...[argument]) {
      const answer = await ask(child, { name: call, argument });
      if ("error" in answer) throw new Error(`${name}: ${answer.error}`);
      return answer.result as never;
    },
    end: () => void child.kill(),
  };
}

function ask(child: ChildProcess, call: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null) =>
      reject(new Error(`A contender's process exited with ${signal ?? code} before it answered.`));
    child.once("exit", ended);
    child.once("message", (answer) => {
      child.off("exit", ended);
      resolve(answer as Answer);
    });
    child.send(call);
  });
}
