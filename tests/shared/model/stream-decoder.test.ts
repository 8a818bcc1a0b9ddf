import { describe, expect, test } from "vitest";
import { createStreamDecoder } from "../../../shared/model/stream-decoder.ts";

describe("byte by byte", () => {
  // Token n is byte n; 300 stands for the whole text "[X]".
  const make = () =>
    createStreamDecoder({
      decode: () => "unused",
      bytesOf: (id) =>
        id === 300 ? new TextEncoder().encode("[X]") : id > 300 ? new Uint8Array(0) : Uint8Array.of(id),
      isWhole: (id) => id === 300,
    });

  test("a character comes out with its last byte", () => {
    const stream = make();
    const bytes = [...new TextEncoder().encode("aé🙂")];
    expect(bytes.map((byte) => stream.push(byte))).toEqual(["a", "", "é", "", "", "", "🙂"]);
    expect(stream.flush()).toBe("");
  });

  test("bytes that form no character become U+FFFD as soon as that is certain", () => {
    const stream = make();
    expect([0xff, 0x61, 0xe2, 0x61].map((byte) => stream.push(byte))).toEqual(["\ufffd", "a", "", "\ufffda"]);
  });

  test("a whole token ends an incomplete character; a token without bytes does not", () => {
    const stream = make();
    expect([0xc3, 300, 0xc3, 999, 0xa9].map((id) => stream.push(id))).toEqual(["", "\ufffd[X]", "", "", "é"]);
  });

  test("a byte order mark is text like any other", () => {
    const stream = make();
    expect([0xef, 0xbb, 0xbf, 0x61].map((byte) => stream.push(byte)).join("")).toBe("\ufeffa");
  });
});

describe("by window", () => {
  // A decoder that strips the leading space of its input and joins bytes ≥ 1000 into characters.
  const decode = (ids: readonly number[]) => {
    const bytes = ids.flatMap((id) => (id >= 1000 ? [id - 1000] : [0x20, id]));
    return new TextDecoder().decode(Uint8Array.from(bytes)).replace(/^ /, "");
  };
  const make = () => createStreamDecoder({ decode, bytesOf: undefined, isWhole: () => false });

  test("spaces between tokens survive and characters are held back until complete", () => {
    const stream = make();
    const ids = [0x61, 0x62, ...[...new TextEncoder().encode("日🙂")].map((byte) => byte + 1000), 0x63];
    const pieces = ids.map((id) => stream.push(id));
    expect(pieces).toEqual(["a", " b", "", "", "日", "", "", "", "🙂", " c"]);
    expect(pieces.join("")).toBe(decode(ids));
  });

  test("a replacement character that the model wrote is not held back forever", () => {
    const stream = make();
    const bytes = [...new TextEncoder().encode("\ufffd\ufffd")].map((byte) => byte + 1000);
    const text = [0x61, ...bytes, 0x62].map((id) => stream.push(id)).join("") + stream.flush();
    expect(text).toBe("a\ufffd\ufffd b");
  });

  test("flush returns the incomplete text and resets the decoder", () => {
    const stream = make();
    expect(stream.push(0x61) + stream.push(1000 + 0xe6)).toBe("a");
    expect(stream.flush()).toBe("\ufffd");
    expect(stream.flush()).toBe("");
    expect(stream.push(0x62)).toBe("b");
  });
});
