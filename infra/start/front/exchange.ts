/** One request of a client, passed on to the Worker, and the reply passed back. */
import { type Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { FrontLimits } from "./limits.ts";
import { Pace } from "./pace.ts";
import { type Refusal, refusal } from "./refusal.ts";

export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly reply: ServerResponse;
  /** The path and query to ask for. */
  readonly target: string;
  readonly upstream: Upstream;
  readonly limits: FrontLimits;
  /** Whether the client waits to be told to send its body. */
  readonly expects: boolean;
  /** Called whenever the next piece of the body is awaited, and once none is. */
  readonly awaitsBody: (awaits: boolean) => void;
}

export interface Upstream {
  readonly host: string;
  readonly port: number;
  readonly agent: Agent;
}

/** Headers that are about one connection (RFC 9110, 7.6.1), which each side of the front has of its own. */
const PER_CONNECTION: ReadonlySet<string> = new Set([
  ...["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect", "transfer-encoding"],
]);

/** Runs an exchange, and resolves once its connection can be used for the next one, or is closed. */
export function exchange(options: Exchange): Promise<void> {
  return new Promise((resolve) => new Forwarding(options, resolve));
}

class Forwarding {
  readonly #incoming: IncomingMessage;
  readonly #reply: ServerResponse;
  readonly #limits: FrontLimits;
  readonly #outgoing: ClientRequest;
  readonly #sending: Pace;
  readonly #reading: Pace;
  readonly #awaitsBody: (awaits: boolean) => void;
  /** Whether the client waits to be told to send its body. */
  #expects: boolean;
  /** How much of a body whose reply is complete may still come; undefined before. */
  #leftToDiscard: number | undefined;

  constructor({ incoming, reply, target, upstream, limits, expects, awaitsBody }: Exchange, done: () => void) {
    this.#incoming = incoming;
    this.#awaitsBody = awaitsBody;
    this.#reply = reply;
    this.#limits = limits;
    this.#expects = expects;
    this.#sending = new Pace(limits.sending, () => this.#refuse(tooSlow()));
    this.#reading = new Pace(limits.reading, () => incoming.socket.destroy());
    this.#outgoing = request({
      ...upstream,
      method: incoming.method ?? "GET",
      path: target,
      headers: headersToWorker(incoming),
    });
    this.#outgoing.on("response", (response) => this.#answer(response));
    // Of a reply that has begun, what has come in is passed on, and its own end says whether that is all.
    this.#outgoing.on("error", (error: NodeJS.ErrnoException) => {
      if (!reply.headersSent) this.#refuse(unreachable(error));
    });
    reply.on("error", () => undefined);
    reply.once("close", () => {
      this.#sending.stop();
      this.#reading.stop();
      this.#outgoing.destroy();
    });
    // A connection that stays open is free once its request has arrived and its reply has gone.
    const freed = () => {
      if (reply.closed && (incoming.complete || incoming.socket.destroyed)) done();
    };
    reply.once("close", freed);
    incoming.once("close", freed);
    if (expects) this.#continueLater();
    else this.#passBody();
  }

  /** Tells a client to send its body, unless it is refused for what its headers say. */
  #continueLater(): void {
    this.#outgoing.flushHeaders();
    const timer = setTimeout(() => {
      if (this.#reply.headersSent || this.#reply.destroyed) return;
      this.#expects = false;
      this.#reply.writeContinue();
      this.#passBody();
    }, this.#limits.continueMs);
    this.#reply.once("close", () => clearTimeout(timer));
  }

  #passBody(): void {
    const incoming = this.#incoming;
    // The Worker is to judge the headers while the body is still on its way.
    this.#outgoing.flushHeaders();
    this.#sending.wait();
    if (!incoming.complete) this.#awaitsBody(true);
    incoming.on("data", (chunk: Buffer) => {
      this.#sending.moved(chunk.length);
      this.#awaitsBody(true);
      if (this.#leftToDiscard !== undefined) this.#discard(chunk.length);
      else if (!this.#outgoing.write(chunk) && !this.#outgoing.destroyed) this.#restUntilDrained();
    });
    incoming.once("end", () => {
      this.#sending.stop();
      this.#awaitsBody(false);
      if (!this.#outgoing.destroyed) this.#outgoing.end();
    });
    // Node reports a body that breaks off here and on the reply.
    incoming.once("error", () => this.#outgoing.destroy());
  }

  #restUntilDrained(): void {
    this.#incoming.pause();
    this.#sending.rest();
    this.#awaitsBody(false);
    const goOn = (): void => {
      this.#outgoing.off("drain", goOn);
      this.#outgoing.off("close", goOn);
      this.#incoming.resume();
      this.#sending.wait();
      this.#awaitsBody(true);
    };
    this.#outgoing.once("drain", goOn);
    this.#outgoing.once("close", goOn);
  }

  #answer(response: IncomingMessage): void {
    const reply = this.#reply;
    if (reply.headersSent || reply.destroyed) return void response.destroy();
    const headers = endToEnd(response);
    // Its body may come yet or not: nobody can tell where a next request would start.
    if (this.#expects) headers.push("connection", "close");
    reply.writeHead(response.statusCode ?? 500, response.statusMessage ?? "", headers as never);
    let isWritten = false;
    // A reply that is made slowly shows its headers first; most come with their body.
    setImmediate(() => isWritten || reply.destroyed || reply.flushHeaders());
    response.on("data", (chunk: Buffer) => {
      isWritten = true;
      this.#reading.moved(chunk.length);
      if (reply.write(chunk)) return;
      response.pause();
      this.#reading.wait();
      reply.once("drain", () => {
        this.#reading.moved(0);
        this.#reading.rest();
        response.resume();
      });
    });
    response.once("end", () => {
      if (!response.complete) return;
      isWritten = true;
      this.#reading.wait();
      reply.end();
      this.#keepReading(response.statusCode ?? 500);
    });
    // The Worker's reply breaks off, so the client's must not look like one that has ended.
    response.once("close", () => {
      if (!response.complete) this.#cut();
    });
    response.on("error", () => undefined);
  }

  /** Ends a reply so that the client knows that it is not whole. */
  #cut(): void {
    const { socket, httpVersion } = this.#incoming;
    // In HTTP/1.0 an end of the connection is the end of the reply; only a reset is not.
    if (httpVersion === "1.0") socket.resetAndDestroy();
    else {
      this.#reading.wait();
      socket.destroySoon();
    }
  }

  /** After the reply: lets the client send on for a while. */
  #keepReading(status: number): void {
    const incoming = this.#incoming;
    if (incoming.complete) return;
    const { ms, bytes, bytesOfStrangers } = this.#limits.rest;
    this.#leftToDiscard = status === 401 ? bytesOfStrangers : bytes;
    const timer = setTimeout(() => incoming.socket.destroy(), ms);
    incoming.once("close", () => clearTimeout(timer));
    if (incoming.listenerCount("data") === 0) incoming.on("data", (chunk: Buffer) => this.#discard(chunk.length));
    incoming.resume();
  }

  #discard(bytes: number): void {
    this.#leftToDiscard = (this.#leftToDiscard ?? 0) - bytes;
    if (this.#leftToDiscard < 0) this.#incoming.socket.destroy();
  }

  #refuse(answer: Refusal): void {
    this.#outgoing.destroy();
    if (this.#reply.destroyed || this.#reply.writableEnded) return;
    if (this.#reply.headersSent) this.#cut();
    else this.#reply.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

function tooSlow(): Refusal {
  return refusal(
    "request_timeout",
    "The body stopped arriving, or came too slowly. Send the request again, with all of its body.",
  );
}

function unreachable(error: NodeJS.ErrnoException): Refusal {
  if (error.code === "ECONNREFUSED") {
    return refusal("capacity_exceeded", "The server is starting again. Send the request again.");
  }
  const message = "The server broke off before it answered, so that the request may or may not have been carried out.";
  return refusal("internal_error", message);
}

const BODIES: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

function headersToWorker(incoming: IncomingMessage): string[] {
  const headers = endToEnd(incoming);
  const { host, "content-length": length, "transfer-encoding": encoding } = incoming.headers;
  if (host === undefined) headers.push("host", "localhost");
  if (encoding !== undefined) headers.push("transfer-encoding", "chunked");
  // Without either, Node would announce a body.
  else if (length === undefined && BODIES.has(incoming.method ?? "")) headers.push("content-length", "0");
  return headers;
}

/** The headers that are not of one connection, as name, value, name, value. */
function endToEnd({ rawHeaders, headers }: IncomingMessage): string[] {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const left: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (PER_CONNECTION.has(name) || (named.includes(name) && !FRAMING.has(name))) continue;
    left.push(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  return left;
}

/** What says where the message ends and whom it is for, whatever a client lists in its header `connection`. */
const FRAMING: ReadonlySet<string> = new Set(["content-length", "host"]);
