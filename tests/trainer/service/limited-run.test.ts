import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "trimtab-limited-"));
afterAll(() => rmSync(folder, { recursive: true }));

const PROGRAM = fileURLToPath(new URL("limited-run.ts", import.meta.url));
/** 32 MB per copy. Such a run takes about 850 MB of private memory; less than 600 MB if paged. */
const NUMBERS = 8_000_000;
const LIMIT_KB = 700_000;

/** Runs in a process with limited private memory; returns the digest of the final parameters. */
async function run(mode: "paged" | "plain", limitKb: number | "unlimited"): Promise<string> {
  const command = `ulimit -d ${limitKb} && exec "$0" "$@"`;
  const { stdout } = await promisify(execFile)(
    "/bin/sh",
    ["-c", command, process.execPath, PROGRAM, folder, mode, String(NUMBERS)],
    { timeout: 120_000 },
  );
  return stdout.trim();
}

// The limit is Linux's RLIMIT_DATA; elsewhere the shell accepts it, but it has no effect.
describe.runIf(process.platform === "linux")("under a limit of memory", { timeout: 240_000 }, () => {
  it("a paged run gives the same result as one in memory, within a limit that is too small without paging", async () => {
    const unlimited = await run("plain", "unlimited");
    expect(unlimited).toMatch(/^[0-9a-f]{64}$/);
    expect(await run("paged", LIMIT_KB)).toBe(unlimited);
    await expect(run("plain", LIMIT_KB)).rejects.toThrow(/memory|allocation/i);
  });
});
