import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { joinBytes } from "../../../shared/formats/join-bytes.ts";
import { createZstdReader } from "../../../shared/formats/zstd-reader.ts";

const LIMIT = 1 << 20;
const GOLDEN = join(import.meta.dirname, "../../golden/datasets");
const packed = new Uint8Array(readFileSync(join(GOLDEN, "squares.jsonl.zst")));
const squares = Array.from({ length: 8000 }, (_, n) => `{"prompt": "${n} squared", "completion": "${n * n}"}\n`).join(
  "",
);

function unpack(bytes: Uint8Array, step = 1000, limit = LIMIT): Uint8Array {
  const reader = createZstdReader(limit);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    const chunk = bytes.slice(at, at + step);
    chunks.push(...reader.push(chunk));
    chunk.fill(0);
  }
  return joinBytes([...chunks, ...reader.end()]);
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("unpacking", () => {
  test.each([1000, 7, 1_000_000])("in chunks of %i bytes", (step) => {
    expect(text(unpack(packed, step))).toBe(squares);
  });

  test("frames one after another", () => {
    expect(text(unpack(joinBytes([packed, packed])))).toBe(squares + squares);
  });
});

test("what is cut off or damaged is refused", () => {
  for (const keep of [5, 20, packed.length >> 1, packed.length - 40, packed.length - 1]) {
    expect(() => unpack(packed.subarray(0, keep)), `${keep}`).toThrow("the zstd file is damaged or cut off");
  }
  const odd = packed.slice();
  odd.fill(0xff, 30, 600);
  expect(() => unpack(odd)).toThrow(expect.objectContaining({ code: "invalid_file" }));
});

describe("a bomb is refused", () => {
  /** A frame of blocks that each stand for 128 KiB in four bytes. */
  const bomb = (blocks: number) => {
    const block = (isLast: boolean) => [(isLast ? 1 : 0) | 2, 0, 16, 65];
    const body = Array.from({ length: blocks }, (_, i) => block(i === blocks - 1)).flat();
    return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3, ...body]);
  };

  test("at the limit", () => {
    expect(unpack(bomb(8))).toEqual(new Uint8Array(LIMIT).fill(65));
    expect(() => unpack(bomb(8), 1000, LIMIT - 1)).toThrow(
      expect.objectContaining({
        code: "payload_too_large",
        message: `the file unpacks to more than ${LIMIT - 1} bytes; split it into several files`,
      }),
    );
  });

  test("when it is far larger than what it came in", () => {
    expect(() => unpack(bomb(1000), 1000, 1 << 30)).toThrow(
      expect.objectContaining({
        code: "payload_too_large",
        message: "the file unpacks to more than 1000 times its size; split it into several files",
      }),
    );
  });
});
