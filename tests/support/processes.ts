/** Finds the processes of a stack among those of the machine, on which other stacks may run. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Process ids of `root` and everything below it whose command line matches. */
export function processesOf(root: number | undefined, what: RegExp): number[] {
  const rows = existsSync("/proc/self/stat") ? fromProc() : fromPs();
  const own = new Set([root]);
  for (let before = 0; before < own.size; ) {
    before = own.size;
    for (const { pid, parent } of rows) if (own.has(parent)) own.add(pid);
  }
  return rows.filter(({ pid, command }) => own.has(pid) && what.test(command)).map(({ pid }) => pid);
}

/** Whether a process runs. One that has ended but that its parent has not yet asked about (a zombie) does not. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return stateOf(readFileSync(`/proc/${pid}/stat`, "utf8")) !== "Z";
  } catch {
    // It has ended in the meantime, or this system has no /proc.
    return !existsSync("/proc/self/stat");
  }
}

/** The fields of /proc/<pid>/stat after the program's name, which is in parentheses and may hold spaces. */
const afterName = (stat: string) => (stat.split(") ").at(-1) ?? "").split(" ");
const stateOf = (stat: string) => afterName(stat)[0];

/** `ps` is not on every Linux. */
function fromProc(): Row[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, parent] = afterName(readFileSync(`/proc/${name}/stat`, "utf8"));
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        return [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        return []; // It has ended in the meantime.
      }
    });
}

function fromPs(): Row[] {
  const { stdout } = spawnSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}
