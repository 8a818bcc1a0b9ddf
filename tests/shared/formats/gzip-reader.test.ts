import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createGzipReader } from "../../../shared/formats/gzip-reader.ts";
import { joinBytes } from "../../../shared/formats/join-bytes.ts";
import { createRandom } from "../../../shared/random.ts";

const LIMIT = 1 << 20;
const random = createRandom(1);
const data = Uint8Array.from({ length: 100_000 }, (_, at) => (at % 100 < 50 ? random.below(256) : 65));

function unpack(packed: Uint8Array, step = 1000, limit = LIMIT): Uint8Array {
  const reader = createGzipReader(limit);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < packed.length; at += step) chunks.push(...reader.push(packed.subarray(at, at + step)));
  return joinBytes([...chunks, ...reader.end()]);
}

describe("unpacking", () => {
  test.each([1000, 7, 1_000_000])("in chunks of %i bytes", (step) => {
    expect(unpack(gzipSync(data), step)).toEqual(data);
  });

  test("members one after another", () => {
    const members = [data.subarray(0, 10), data.subarray(10, 5000), data.subarray(5000)].map((part) => gzipSync(part));
    expect(unpack(joinBytes(members))).toEqual(data);
  });
});

test("what is cut off or damaged is refused", () => {
  const packed = gzipSync(data);
  for (const keep of [5, 20, packed.length >> 1, packed.length - 40, packed.length - 3]) {
    expect(() => unpack(packed.subarray(0, keep)), `${keep}`).toThrow("the gzip file is damaged or cut off");
  }
  const odd = packed.slice();
  odd.fill(0xff, 30, 60);
  expect(() => unpack(odd)).toThrow("the gzip file is damaged or cut off");
});

test("a bomb is refused at the limit, before it is unpacked", () => {
  const bomb = gzipSync(new Uint8Array(64 << 20));
  expect(() => unpack(bomb, 1 << 20)).toThrow(
    expect.objectContaining({
      code: "payload_too_large",
      message: `the file unpacks to more than ${LIMIT} bytes; split it into several files`,
    }),
  );
});
