import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tarEnd, tarEntry, tarEntryBytes } from "../../../shared/formats/tar.ts";

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7) % 256);
const FILES = [
  ["empty.json", bytesOf(0)],
  ["one-block.safetensors", bytesOf(512)],
  ["adapter_model.safetensors", bytesOf(1300)],
] as const;

function archive(): Uint8Array {
  const parts = FILES.flatMap(([name, bytes]) => {
    const { header, padding } = tarEntry(name, bytes.length);
    return [header, bytes, padding];
  });
  return new Uint8Array(Buffer.concat([...parts, tarEnd()]));
}

describe("tarEntry", () => {
  it("makes archives that tar unpacks", () => {
    const folder = mkdtempSync(join(tmpdir(), "trimtab-tar-"));
    try {
      writeFileSync(join(folder, "a.tar"), archive());
      const { status, stderr } = spawnSync("tar", ["-xf", "a.tar"], { cwd: folder, encoding: "utf8" });
      expect([status, stderr]).toEqual([0, ""]);
      for (const [name, bytes] of FILES) expect(new Uint8Array(readFileSync(join(folder, name)))).toEqual(bytes);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("pads to whole blocks", () => {
    expect(archive().length % 512).toBe(0);
    expect(tarEntry("a", 512).padding).toHaveLength(0);
    expect(tarEntry("a", 513).padding).toHaveLength(511);
  });

  it("rejects invalid file names", () => {
    for (const name of ["../up", "a/../../b", "/a", "x".repeat(101), "a\0b"]) {
      expect(() => tarEntry(name, 1)).toThrow("cannot be a file name in a tar archive");
    }
  });
});

it.each(FILES)("knows beforehand how many bytes %s takes", (name, bytes) => {
  const { header, padding } = tarEntry(name, bytes.length);
  expect(tarEntryBytes(bytes.length)).toBe(header.length + bytes.length + padding.length);
});
