/**
 * Writes Protocol Buffers messages, with only the wire types that ONNX files need. A message under construction is a list
 * of chunks and their total length, so nested messages need no second pass and large tensors are copied once, at the end.
 */
export class MessageWriter {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  varint(field: number, value: number | bigint): this {
    this.#append(encodeVarint((field << 3) | 0));
    return this.#append(encodeVarint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#append(encodeVarint((field << 3) | 5));
    return this.#append(bytes);
  }

  double(field: number, value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#append(encodeVarint((field << 3) | 1));
    return this.#append(bytes);
  }

  bytes(field: number, value: Uint8Array): this {
    this.#append(encodeVarint((field << 3) | 2));
    this.#append(encodeVarint(value.length));
    return this.#append(value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: MessageWriter): this {
    this.#append(encodeVarint((field << 3) | 2));
    this.#append(encodeVarint(value.#length));
    for (const chunk of value.#chunks) this.#append(chunk);
    return this;
  }

  finish(): Uint8Array {
    const result = new Uint8Array(this.#length);
    let offset = 0;
    for (const chunk of this.#chunks) {
      result.set(chunk, offset);
      offset += chunk.length;
    }
    return result;
  }

  #append(chunk: Uint8Array): this {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this;
  }
}

/** Negative numbers are encoded as 64-bit two's complement, in ten bytes, as the format requires. */
function encodeVarint(value: number | bigint): Uint8Array {
  let remaining = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(remaining & 0x7fn);
    remaining >>= 7n;
    bytes.push(remaining === 0n ? low : low | 0x80);
  } while (remaining !== 0n);
  return Uint8Array.from(bytes);
}
