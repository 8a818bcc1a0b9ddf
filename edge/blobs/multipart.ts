import { TrimtabError } from "../../shared/errors.ts";
import { brokenBody } from "./broken-body.ts";
import { disposition } from "./disposition.ts";

/** A part of a multipart/form-data body. Read its chunks before you ask for the next part. */
export interface FormPart {
  readonly name: string;
  readonly filename: string | null;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const MAX_HEADER_BYTES = 8 * 1024;
const MAX_PARTS = 16;
const CRLF = [13, 10] as const;

/** The boundary of a multipart/form-data content type (RFC 2046: 1 to 70 characters). `fields` is what the form should hold. */
export function formBoundary(contentType: string | undefined, fields: string): string {
  const match = /^multipart\/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?=[\s;]|$))/i.exec(
    contentType ?? "",
  );
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) {
    throw new TrimtabError("invalid_request", `Send the file as multipart/form-data with the fields ${fields}.`);
  }
  return boundary;
}

/**
 * Reads a multipart/form-data body as it streams in (RFC 7578), holding no more of it than a chunk and a boundary. Parts without
 * a name or an end are refused, and so is a body of more than `maxBytes`. Whatever has not been read stays in the body.
 */
export async function* formParts(
  body: ReadableStream<Uint8Array>,
  boundary: string,
  maxBytes: number,
): AsyncGenerator<FormPart, void> {
  const source = new FormSource(body, maxBytes);
  try {
    const delimiter = new TextEncoder().encode(`\r\n--${boundary}`);
    // The first delimiter may stand at the very beginning, without the line break before it.
    source.prepend(new Uint8Array(CRLF));
    await drain(source.until(delimiter, MAX_HEADER_BYTES));
    for (let count = 0; ; count++) {
      if (await source.startsWith("--")) return;
      if (count === MAX_PARTS) throw malformed(`has more than ${MAX_PARTS} parts`);
      const header = await text(source.until(new TextEncoder().encode("\r\n\r\n"), MAX_HEADER_BYTES));
      const { name, filename } = disposition(header);
      if (name === null) throw malformed("has a part without a name");
      const chunks = source.until(delimiter);
      yield { name, filename, chunks };
      await drain(chunks);
    }
  } finally {
    source.release();
  }
}

class FormSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #maxBytes: number;
  #buffer = new Uint8Array();
  #read = 0;

  constructor(body: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#reader = body.getReader();
    this.#maxBytes = maxBytes;
  }

  prepend(bytes: Uint8Array): void {
    this.#buffer = join(bytes, this.#buffer);
  }

  /** Lets the caller read the rest of the body. */
  release(): void {
    this.#reader.releaseLock();
  }

  /** Whether the next bytes are these; takes them if so. */
  async startsWith(expected: string): Promise<boolean> {
    while (this.#buffer.byteLength < expected.length) await this.#fill();
    const found = new TextDecoder().decode(this.#buffer.subarray(0, expected.length)) === expected;
    if (found) this.#buffer = this.#buffer.subarray(expected.length);
    return found;
  }

  /** Everything before `end`, which is taken too. */
  async *until(end: Uint8Array, maxBytes = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array, void> {
    let seen = 0;
    for (;;) {
      const at = find(this.#buffer, end);
      const whole = at < 0 ? this.#buffer.byteLength - end.byteLength + 1 : at;
      if (whole > 0) {
        const chunk = this.#buffer.subarray(0, whole);
        this.#buffer = this.#buffer.subarray(whole);
        seen += whole;
        if (seen > maxBytes) throw malformed("has headers that are too long");
        yield chunk;
      }
      if (at >= 0) {
        this.#buffer = this.#buffer.subarray(end.byteLength);
        return;
      }
      await this.#fill();
    }
  }

  async #fill(): Promise<void> {
    const { done, value } = await this.#reader.read().catch((error: unknown) => {
      throw brokenBody(error);
    });
    if (done) throw malformed("ends in the middle of a part");
    this.#read += value.byteLength;
    if (this.#read > this.#maxBytes) {
      throw new TrimtabError(
        "payload_too_large",
        `The upload is larger than ${this.#maxBytes} bytes. Send less at a time.`,
        {
          param: "file",
        },
      );
    }
    this.#buffer = join(this.#buffer, value);
  }
}

async function text(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let whole = "";
  for await (const chunk of chunks) whole += decoder.decode(chunk, { stream: true });
  return whole + decoder.decode();
}

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of chunks);
}

function find(buffer: Uint8Array, wanted: Uint8Array): number {
  const first = wanted[0] ?? 0;
  for (let at = buffer.indexOf(first); at >= 0; at = buffer.indexOf(first, at + 1)) {
    if (at + wanted.byteLength > buffer.byteLength) return -1;
    if (wanted.every((byte, offset) => buffer[at + offset] === byte)) return at;
  }
  return -1;
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.byteLength + b.byteLength);
  joined.set(a);
  joined.set(b, a.byteLength);
  return joined;
}

function malformed(problem: string): TrimtabError {
  return new TrimtabError("invalid_request", `The multipart body ${problem}. Send it again.`);
}
