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
/** 32 MB a copy. In memory such a run takes some 850 MB of private memory, paged less than 600. */
const NUMBERS = 8_000_000;
const LIMIT_KB = 700_000;

/** The digest of what a run ends with, in a process that may have no more private memory than the limit. */
async function run(mode: "paged" | "plain", limitKb: number | "unlimited"): Promise<string> {
  const command = `ulimit -d ${limitKb} && exec "$0" "$@"`;
  const { stdout } = await promisify(execFile)(
    "/bin/sh",
    ["-c", command, process.execPath, PROGRAM, folder, mode, String(NUMBERS)],
    { timeout: 120_000 },
  );
  return stdout.trim();
}

// The limit is Linux's RLIMIT_DATA; elsewhere a shell takes it and nothing comes of it.
describe.runIf(process.platform === "linux")("under a limit of memory", { timeout: 240_000 }, () => {
  it("a paged run ends as it does in memory, where one that is not paged has no room", async () => {
    const unlimited = await run("plain", "unlimited");
    expect(unlimited).toMatch(/^[0-9a-f]{64}$/);
    expect(await run("paged", LIMIT_KB)).toBe(unlimited);
    await expect(run("plain", LIMIT_KB)).rejects.toThrow(/memory|allocation/i);
  });
});
