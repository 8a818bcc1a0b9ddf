import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

/** The machine on which a benchmark ran. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  readonly platform: string;
  readonly node: string;
}

export function thisMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memory: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}

/**
 * This process's peak memory in bytes. Linux counts this process only; elsewhere the figure comes from `getrusage`, which
 * inherits the parent's peak if that was higher.
 */
export function peakMemory(): number {
  if (process.platform === "linux") {
    const line = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
    if (line !== null) return 1024 * Number(line[1]);
  }
  return 1024 * process.resourceUsage().maxRSS;
}
