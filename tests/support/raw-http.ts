/** HTTP as bytes on a socket, for what HTTP libraries refuse to send and hide of what they get. */
import { connect, type Socket } from "node:net";

export interface RawReply {
  readonly status: number;
  /** In small letters; of two with one name, the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class RawClient {
  readonly socket: Socket;
  #text = "";
  #ended: "ended" | "reset" | undefined;
  #changed: () => void = () => {};

  constructor(port: number, host = "127.0.0.1") {
    this.socket = connect({ port, host, allowHalfOpen: true });
    this.socket.setEncoding("latin1");
    this.socket.on("data", (text: string) => {
      this.#text += text;
      this.#changed();
    });
    this.socket.on("end", () => this.#end("ended"));
    this.socket.on("error", () => this.#end("reset"));
    this.socket.on("close", () => this.#end("ended"));
  }

  #end(how: "ended" | "reset"): void {
    this.#ended ??= how;
    this.#changed();
  }

  send(...parts: readonly (string | Uint8Array)[]): this {
    for (const part of parts) this.socket.write(typeof part === "string" ? Buffer.from(part, "latin1") : part);
    return this;
  }

  /** What has come so far. */
  get text(): string {
    return this.#text;
  }

  /** Waits until what has come satisfies `when`; false if the connection ends, or too much time passes, before it does. */
  async until(when: (text: string) => boolean, ms = 10_000): Promise<boolean> {
    const late = AbortSignal.timeout(ms);
    while (!when(this.#text)) {
      if (this.#ended !== undefined || late.aborted) return false;
      await this.#change(late);
    }
    return true;
  }

  /** How the server ended the connection; undefined if it has not in time. */
  async end(ms = 10_000): Promise<"ended" | "reset" | undefined> {
    const late = AbortSignal.timeout(ms);
    while (this.#ended === undefined && !late.aborted) await this.#change(late);
    return this.#ended;
  }

  #change(late: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
      late.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** The next whole reply, which is taken off what has come; undefined if the connection ends before it has. */
  async reply(ms = 10_000): Promise<RawReply | undefined> {
    let found: { reply: RawReply; length: number } | undefined;
    await this.until((text) => {
      found = parse(text, this.#ended !== undefined);
      return found !== undefined;
    }, ms);
    if (found === undefined) return undefined;
    this.#text = this.#text.slice(found.length);
    return found.reply;
  }

  close(): void {
    this.socket.destroy();
  }
}

function parse(text: string, hasEnded: boolean): { reply: RawReply; length: number } | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const status = Number(first.split(" ")[1]);
  const start = end + 4;
  const whole = (body: string, length: number) => ({ reply: { status, headers, body }, length });
  if (status === 204 || status === 304 || status < 200) return whole("", start);
  if (headers["transfer-encoding"] === "chunked") {
    let body = "";
    for (let at = start; ; ) {
      const line = text.indexOf("\r\n", at);
      if (line < 0) return undefined;
      const size = Number.parseInt(text.slice(at, line), 16);
      if (text.length < line + 2 + size + 2) return undefined;
      if (size === 0) return whole(body, line + 4);
      body += text.slice(line + 2, line + 2 + size);
      at = line + 2 + size + 2;
    }
  }
  if (headers["content-length"] !== undefined) {
    const length = start + Number(headers["content-length"]);
    return text.length < length ? undefined : whole(text.slice(start, length), length);
  }
  return hasEnded ? whole(text.slice(start), text.length) : undefined;
}
