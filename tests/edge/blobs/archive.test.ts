import { gzipSync, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { unpackArchive } from "../../../edge/blobs/archive.ts";
import { tarEnd, tarEntry } from "../../../shared/formats/tar.ts";

const MOST = 1 << 20;
const bytes = new TextEncoder().encode("hello");

function tar(contents: Uint8Array): Uint8Array {
  const { header, padding } = tarEntry("a/b.json", contents.length);
  return new Uint8Array([...header, ...contents, ...padding, ...tarEnd()]);
}

/** A zip whose second file has the first one's name. */
function zipOfTwins(): Uint8Array {
  const zip = zipSync({ "a.json": bytes, "b.json": bytes });
  zip.forEach((byte, at) => {
    if (byte === 0x62 && zip[at + 1] === 0x2e) zip[at] = 0x61;
  });
  return zip;
}

/** A zip of one file whose directory says another size of it. */
function sized(zip: Uint8Array, size: number): Uint8Array {
  const view = new DataView(zip.buffer, zip.byteOffset);
  view.setUint32(view.getUint32(zip.length - 6, true) + 24, size, true);
  return zip;
}

/** A zip of one file whose packed bytes end in the middle. */
function gap(zip: Uint8Array, at: number): Uint8Array {
  const view = new DataView(zip.buffer, zip.byteOffset);
  view.setUint32(view.getUint32(zip.length - 6, true) + 20, at, true);
  return zip;
}

const random = (length: number) => Uint8Array.from({ length }, (_, at) => (at * at * 31 + at * 7) >> 3);

describe("unpackArchive", () => {
  it.each([
    ["tar", tar(bytes)],
    ["gzipped tar", gzipSync(tar(bytes))],
    ["zip", zipSync({ "a/b.json": bytes, "a/": new Uint8Array() })],
    ["zip without compression", zipSync({ "a/b.json": bytes }, { level: 0 })],
  ])("reads a %s", async (_name, archive) => {
    expect([...(await unpackArchive(archive, MOST))].map(([name, found]) => [name, [...found]])).toEqual([
      ["a/b.json", [...bytes]],
    ]);
  });

  it.each([
    ["zip", zipSync({ a: new Uint8Array(2 * MOST) })],
    ["gzipped tar", gzipSync(new Uint8Array(2 * MOST))],
  ])("stops at the limit of what a %s may unpack to", async (_name, archive) => {
    expect(archive.length).toBeLessThan(10_000);
    await expect(unpackArchive(archive, MOST)).rejects.toMatchObject({
      code: "payload_too_large",
      param: "file",
      message: expect.stringContaining("save them in 16 bits"),
    });
  });

  it.each([
    ["a damaged zip", new Uint8Array([0x50, 0x4b, 3, 4, 9, 9, 9]), "is damaged or not a zip archive"],
    ["a damaged gzip", new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 255, 255]), "is damaged, or is not gzipped"],
    ["a path upwards in a zip", zipSync({ "../a": bytes }), "which is outside the folder"],
    ["two files of one name in a zip", zipOfTwins(), 'holds "a.json" twice'],
    ["a file that unpacks to more than it says", sized(zipSync({ a: new Uint8Array(2 * MOST) }), 0), "is damaged"],
    ["a file that unpacks to less than it says", sized(zipSync({ a: bytes }), 6), '"a" is not what it says'],
    ["a zip that is cut off inside", gap(zipSync({ a: random(5000) }), 100), "is damaged"],
    ["a gzip that is cut off", gzipSync(tar(random(5000))).subarray(0, -20), "is damaged, or is not gzipped"],
    ["something else", new TextEncoder().encode("not an archive".repeat(60)), "is damaged or not a tar archive"],
  ])("refuses %s", async (_name, archive, message) => {
    await expect(unpackArchive(archive, MOST)).rejects.toMatchObject({
      code: "invalid_file",
      param: "file",
      message: expect.stringContaining(message),
    });
  });
});
