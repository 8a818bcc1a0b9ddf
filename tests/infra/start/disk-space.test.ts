import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { freeBytes, requireSpace, spaceWarning } from "../../../infra/start/disk-space.ts";

const MIB = 1 << 20;

test("reads the free space of a disk", () => {
  expect(freeBytes(tmpdir())).toBeGreaterThan(0);
});

test("warns while little is free, and refuses to start on a full disk", () => {
  expect(spaceWarning("/data", 256 * MIB)).toBeUndefined();
  expect(spaceWarning("/data", 200 * MIB)).toBe(
    "Only 200 MiB are free on the disk of /data. Free some space, or set TRIMTAB_STATE to a folder on another disk.",
  );
  expect(() => requireSpace("/data", 64 * MIB)).not.toThrow();
  expect(() => requireSpace("/data", 3 * MIB)).toThrow(
    "The disk of /data is full: 3 MiB are free, and the server needs 64.",
  );
});
