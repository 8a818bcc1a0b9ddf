import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { readZipDirectory } from "../../../shared/formats/zip-directory.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const plain = () => zipSync({ "a.json": bytes("{}"), "sub/": new Uint8Array(), "sub/b": bytes("b".repeat(99)) });

/** Overwrites a number in entry `index` of the directory. */
function withField(
  index: number,
  field: number,
  width: 1 | 2 | 4,
  value: number,
  zip: Uint8Array = plain(),
): Uint8Array {
  const view = new DataView(zip.buffer, zip.byteOffset);
  let at = view.getUint32(zip.length - 6, true);
  for (let skipped = 0; skipped < index; skipped++) {
    at += 46 + [28, 30, 32].reduce((sum, length) => sum + view.getUint16(at + length, true), 0);
  }
  if (width === 1) view.setUint8(at + field, value);
  else if (width === 2) view.setUint16(at + field, value, true);
  else view.setUint32(at + field, value, true);
  return zip;
}

describe("readZipDirectory", () => {
  it("finds the files, skipping folders and a comment", () => {
    const zip = Uint8Array.of(...plain(), ...bytes("a comment"));
    new DataView(zip.buffer).setUint16(plain().length - 2, 9, true);
    const files = readZipDirectory(zip);
    expect(files.map(({ name, deflated, size }) => [name, deflated, size])).toEqual([
      ["a.json", true, 2],
      ["sub/b", true, 99],
    ]);
    expect(files[1]!.packed.length).toBeLessThan(99);
  });

  it.each<[string, Uint8Array, string]>([
    ["other bytes", new Uint8Array(100), "is damaged or not a zip archive"],
    ["too short for a directory", bytes("PK"), "is damaged or not a zip archive"],
    ["a truncated directory", plain().subarray(0, -30), "is damaged or not a zip archive"],
    ["more entries than there are", withEntries(4), "is damaged or not a zip archive"],
    ["a path with ..", zipSync({ "a/../../b": bytes("1") }), "which is outside the folder"],
    ["an absolute path", zipSync({ "/etc/b": bytes("1") }), "which is outside the folder"],
    ["a link", linked(), '"a.json", which is a link'],
    ["an encrypted file", withField(0, 8, 2, 1), "which is encrypted"],
    ["another method", withField(0, 10, 2, 12), "which uses compression method 12"],
    ["sizes in a zip64 record", withField(0, 24, 4, 0xffffffff), "is a zip64 archive"],
    [
      "a stored file whose two sizes differ",
      withField(0, 24, 4, 0, zipSync({ a: bytes("123") }, { level: 0 })),
      "is damaged",
    ],
    ["a file beyond the end", withField(0, 20, 4, 100_000), "is damaged"],
    ["a file where there is none", withField(0, 42, 4, 1), "is damaged"],
    ["two files over the same bytes", withField(2, 42, 4, 0), '"sub/b" shares bytes with another file'],
    ["a file that overlaps the next", withField(0, 20, 4, 60), "shares bytes with another file"],
  ])("refuses %s", (_name, zip, message) => {
    expect(() => readZipDirectory(zip)).toThrow(message);
    expect(() => readZipDirectory(zip)).toThrow(expect.objectContaining({ code: "invalid_file", param: "file" }));
  });
});

/** A zip like those of Unix's `zip --symlinks`. */
function linked(): Uint8Array {
  return withField(0, 40, 2, 0o120777, withField(0, 5, 1, 3));
}

function withEntries(count: number): Uint8Array {
  const zip = plain();
  new DataView(zip.buffer, zip.byteOffset).setUint16(zip.length - 12, count, true);
  return zip;
}
