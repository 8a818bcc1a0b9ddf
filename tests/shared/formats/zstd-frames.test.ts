import { describe, expect, test } from "vitest";
import { createZstdFrames } from "../../../shared/formats/zstd-frames.ts";

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** A raw block of these bytes. */
const raw = (bytes: number[], isLast = true) => {
  const header = (bytes.length << 3) | (isLast ? 1 : 0);
  return [header & 255, (header >> 8) & 255, header >> 16, ...bytes];
};
/** A frame with a window of 2^(10 + exponent) bytes. */
const frame = (exponent: number, ...blocks: number[][]) => [...MAGIC, 0, exponent << 3, ...blocks.flat()];

function follow(bytes: readonly number[], step = bytes.length): boolean {
  const frames = createZstdFrames();
  for (let at = 0; at < bytes.length; at += step) frames.push(Uint8Array.from(bytes.slice(at, at + step)));
  return frames.complete;
}

describe("a file is complete where a frame ends", () => {
  const skippable = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9];
  const checked = [...MAGIC, 0x24, 2, ...raw([1, 2]), 7, 7, 7, 7];
  const rle = [...MAGIC, 0x60, 200, 0, ...[((456 << 3) & 255) | 3, (456 << 3) >> 8, 0], 65];
  test.each([
    ["one frame", frame(0, raw([1, 2], false), raw([3]))],
    ["a frame with a checksum", checked],
    ["a repeated byte, with a size of two bytes", rle],
    ["several, one of them to skip", [...frame(3, raw([1])), ...skippable, ...checked]],
  ])("%s", (_name, bytes) => {
    for (const step of [1, 2, 5, 1000]) expect(follow(bytes, step)).toBe(true);
    const ends = [frame(3, raw([1])).length, frame(3, raw([1])).length + skippable.length];
    for (let cut = 0; cut < bytes.length; cut++) {
      if (_name.startsWith("several") && ends.includes(cut)) continue;
      expect(follow(bytes.slice(0, cut)), `${cut}`).toBe(false);
    }
  });
});

test.each([
  ["another format", [1, 2, 3, 4], "is damaged"],
  [
    "a window of 16 MiB",
    frame(14, raw([1])),
    "has a window of more than 8 MiB; compress it without --ultra and --long",
  ],
  ["a window of exbibytes", [...MAGIC, 0xe0, ...new Array<number>(8).fill(255), ...raw([1])], "has a window of more"],
  ["a dictionary", [...MAGIC, 0x21, 5, 1, ...raw([1])], "needs a dictionary"],
])("%s is refused", (_name, bytes, message) => {
  expect(() => follow(bytes)).toThrow(message);
});

test("a window of 8 MiB is taken, but not moved for one tiny block after another", () => {
  expect(follow(frame(13, raw([1])))).toBe(true);
  const frames = createZstdFrames();
  frames.push(Uint8Array.from(frame(13)));
  const block = Uint8Array.from(raw([1], false));
  expect(() => {
    for (let i = 0; i < 10_000; i++) frames.push(block);
  }).toThrow("consists of too many small blocks");
});
