import { describe, expect, it } from "vitest";
import { MessageWriter } from "../../../shared/formats/protobuf.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

describe("MessageWriter", () => {
  // The first three are the examples of the format's own documentation, protobuf.dev/programming-guides/encoding.
  it("writes a varint in groups of seven bits, lowest first", () => {
    expect(new MessageWriter().varint(1, 150).finish()).toEqual(bytes(0x08, 0x96, 0x01));
    expect(new MessageWriter().varint(1, 0).finish()).toEqual(bytes(0x08, 0x00));
    expect(new MessageWriter().varint(1, 127).finish()).toEqual(bytes(0x08, 0x7f));
    expect(new MessageWriter().varint(1, 128).finish()).toEqual(bytes(0x08, 0x80, 0x01));
  });

  it("writes text with its length in bytes", () => {
    expect(new MessageWriter().string(2, "testing").finish()).toEqual(
      bytes(0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67),
    );
    expect(new MessageWriter().string(2, "é").finish()).toEqual(bytes(0x12, 0x02, 0xc3, 0xa9));
    expect(new MessageWriter().string(2, "").finish()).toEqual(bytes(0x12, 0x00));
  });

  it("nests messages", () => {
    const inner = new MessageWriter().varint(1, 150);
    expect(inner.length).toBe(3);
    expect(new MessageWriter().message(3, inner).finish()).toEqual(bytes(0x1a, 0x03, 0x08, 0x96, 0x01));
    const twice = new MessageWriter().message(1, new MessageWriter().message(3, inner));
    expect(twice.finish()).toEqual(bytes(0x0a, 0x05, 0x1a, 0x03, 0x08, 0x96, 0x01));
  });

  it("writes negative numbers as 64 bits in two's complement", () => {
    expect(new MessageWriter().varint(1, -1).finish()).toEqual(bytes(0x08, ...Array(9).fill(0xff), 0x01));
    expect(new MessageWriter().varint(1, -(2n ** 63n)).finish()).toEqual(bytes(0x08, ...Array(9).fill(0x80), 0x01));
  });

  it("writes whole numbers beyond 32 bits, and field numbers beyond 15", () => {
    expect(new MessageWriter().varint(1, 2 ** 40).finish()).toEqual(bytes(0x08, ...Array(5).fill(0x80), 0x20));
    expect(new MessageWriter().varint(20, 1).finish()).toEqual(bytes(0xa0, 0x01, 0x01));
  });

  it("writes floats as four bytes, lowest first", () => {
    expect(new MessageWriter().float(2, 1).finish()).toEqual(bytes(0x15, 0x00, 0x00, 0x80, 0x3f));
  });

  it("takes bytes as they are, however many", () => {
    const data = Uint8Array.from({ length: 300 }, (_, i) => i);
    const written = new MessageWriter().bytes(9, data).varint(1, 5).finish();
    expect(written.subarray(0, 3)).toEqual(bytes(0x4a, 0xac, 0x02));
    expect(written.subarray(3, 303)).toEqual(data);
    expect(written.subarray(303)).toEqual(bytes(0x08, 0x05));
  });
});
