import { describe, expect, it } from "vitest";
import { tarEnd, tarEntry } from "../../../shared/formats/tar.ts";
import { readTar } from "../../../shared/formats/tar-reader.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const entry = (name: string, text: string, change: (header: Uint8Array) => void = () => {}) => {
  const bytes = encode(text);
  const { header, padding } = tarEntry(name, bytes.length);
  change(header);
  return join(header, bytes, padding);
};

/** Overwrites a field and updates the checksum. */
const withField = (at: number, value: string) => (header: Uint8Array) => {
  header.set(encode(value), at);
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
};

describe("readTar", () => {
  it("reads what tarEntry writes, sub-folders included", () => {
    const files = readTar(join(entry("a.json", "{}"), entry("0-lora/b.bin", "x".repeat(700)), tarEnd()));
    expect([...files.keys()]).toEqual(["a.json", "0-lora/b.bin"]);
    expect(new TextDecoder().decode(files.get("0-lora/b.bin"))).toBe("x".repeat(700));
  });

  it("skips folders and pax headers, and removes a leading ./", () => {
    const folder = entry("sub/", "", withField(156, "5"));
    const pax = entry("PaxHeaders/a", "30 mtime=1700000000.123456789\n", withField(156, "x"));
    expect([...readTar(join(folder, pax, entry("./a", "1"), tarEnd())).keys()]).toEqual(["a"]);
  });

  it("joins a ustar name's prefix", () => {
    expect([...readTar(join(entry("b", "1", withField(345, "deep/folder")), tarEnd())).keys()]).toEqual([
      "deep/folder/b",
    ]);
  });

  it.each<[string, Uint8Array, string]>([
    ["a symbolic link", join(entry("a", "", withField(156, "2")), tarEnd()), "which is a link or a device"],
    ["a path with ..", join(entry("a", "", withField(0, "../a")), tarEnd()), "which is outside the folder"],
    ["an absolute path", join(entry("a", "", withField(0, "/etc/a")), tarEnd()), "which is outside the folder"],
    ["a name twice", join(entry("a", "1"), entry("./a", "2"), tarEnd()), 'holds "a" twice'],
    ["a truncated file", entry("a", "x".repeat(900)).subarray(0, 1024), 'ends in the middle of "a"'],
    ["no end", entry("a", "1"), "has no end"],
    ["other bytes", new Uint8Array(1024).fill(7), "is damaged or not a tar archive"],
    ["a size that is not a number", join(entry("a", "", withField(124, "zzz")), tarEnd()), "has an invalid number"],
  ])("refuses %s", (_name, archive, message) => {
    expect(() => readTar(archive)).toThrow(message);
    expect(() => readTar(archive)).toThrow(expect.objectContaining({ code: "invalid_file", param: "file" }));
  });
});
