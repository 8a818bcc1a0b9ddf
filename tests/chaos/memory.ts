/** Memory of a running stack's processes. */
import { readFileSync } from "node:fs";
import { processesOf } from "../support/processes.ts";

export const WORKERD = /workerd serve/;
export const FRONT = /edge-process\.ts/;
export const TRAINER = /trainer\/main\.ts/;

/** Resident megabytes of the processes of this one whose command matches; null where the system does not tell. */
export function residentMb(what: RegExp): number | null {
  let kilobytes = 0;
  for (const pid of processesOf(process.pid, what)) {
    try {
      kilobytes += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    } catch {
      // It has ended in the meantime, or this system has no /proc.
    }
  }
  return kilobytes === 0 ? null : Math.round(kilobytes / 1024);
}

/** Kills the first process of this one whose command matches, as the system kills one when memory runs out. */
export function killOne(what: RegExp): boolean {
  const [pid] = processesOf(process.pid, what);
  if (pid === undefined) return false;
  process.kill(pid, "SIGKILL");
  return true;
}
