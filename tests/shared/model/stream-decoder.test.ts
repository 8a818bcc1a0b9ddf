import { describe, expect, test } from "vitest";
import { createStreamDecoder } from "../../../shared/model/stream-decoder.ts";

describe("byte by byte", () => {
  // Token n is byte n; 300 stands for the whole text "[X]"; later ids are skipped.
  const make = (after: readonly number[] = []) =>
    createStreamDecoder(
      {
        decode: () => "unused",
        bytesOf: (id) => (id === 300 ? new TextEncoder().encode("[X]") : Uint8Array.of(id)),
        byteOf: () => undefined,
        isSkipped: (id) => id > 300,
      },
      after,
    );

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

  test("a character that the tokens before it began comes out whole", () => {
    const stream = make([0x61, 0xf0, 0x9f, 999]);
    expect([0x99, 0x82].map((byte) => stream.push(byte))).toEqual(["", "🙂"]);
  });
});

describe("by window", () => {
  // A decoder that writes a space before every token, strips the text's first one, and joins bytes ≥ 1000 into characters.
  const decode = (ids: readonly number[]) => {
    const bytes = ids.flatMap((id) => (id >= 1000 ? [id - 1000] : [0x20, id]));
    return new TextDecoder().decode(Uint8Array.from(bytes)).replace(/^ /, "");
  };
  const make = (after: readonly number[] = []) =>
    createStreamDecoder(
      {
        decode,
        bytesOf: undefined,
        byteOf: (id) => (id >= 1000 ? id - 1000 : undefined),
        isSkipped: (id) => id < 0,
      },
      after,
    );
  const bytes = (text: string) => [...new TextEncoder().encode(text)].map((byte) => byte + 1000);

  test("spaces between tokens survive and characters are held back until complete", () => {
    const stream = make();
    const ids = [0x61, 0x62, ...bytes("日🙂=é"), 0x63];
    const pieces = ids.map((id) => stream.push(id));
    expect(pieces).toEqual(["a", " b", "", "", "日", "", "", "", "🙂", "=", "", "é", " c"]);
    expect(pieces.join("")).toBe(decode(ids));
  });

  test("a replacement character that the model wrote is not held back", () => {
    const stream = make();
    const text = [0x61, ...bytes("\ufffd\ufffd"), 0x62].map((id) => stream.push(id)).join("") + stream.flush();
    expect(text).toBe("a\ufffd\ufffd b");
  });

  test("bytes that form no character become one U+FFFD each", () => {
    const stream = make();
    expect([0x61, 1000 + 0xf0, 1000 + 0x9f, 0x62].map((id) => stream.push(id))).toEqual([
      "a",
      "",
      "",
      "\ufffd\ufffd b",
    ]);
    expect([1000 + 0xe2, 1000 + 0x41].map((id) => stream.push(id))).toEqual(["", "\ufffdA"]);
    expect(stream.push(1000 + 0x80)).toBe("\ufffd");
  });

  test("flush returns the incomplete text and resets the decoder", () => {
    const stream = make();
    expect(stream.push(0x61) + stream.push(1000 + 0xe6)).toBe("a");
    expect(stream.flush()).toBe("\ufffd");
    expect(stream.flush()).toBe("");
    expect(stream.push(0x62)).toBe("b");
  });

  test("text goes on as inside the text before it", () => {
    expect(make().push(0x62)).toBe("b");
    expect(make([0x61]).push(0x62)).toBe(" b");
    expect(make([0x61, -1]).push(0x62)).toBe(" b");
    expect(make([-1]).push(0x62)).toBe("b");
    expect(make(bytes("aé")).push(0x62)).toBe(" b");
  });

  test("a skipped token does not make the next one the first", () => {
    const stream = make();
    expect([0x61, -1, 0x62].map((id) => stream.push(id))).toEqual(["a", "", " b"]);
  });

  test("a character that the tokens before it began comes out whole", () => {
    const [first, ...rest] = bytes("é");
    const stream = make([0x61, first!]);
    expect(rest.map((id) => stream.push(id))).toEqual(["é"]);
  });
});
