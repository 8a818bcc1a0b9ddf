/**
 * The front of the local stack: the HTTP server that clients talk to, before workerd. It holds clients to deadlines, keeps idle
 * connections longer than clients do, refuses what HTTP does not allow, and passes the rest on, each request on a connection of its
 * own, so that none meets the end of one that idled. On Cloudflare, Cloudflare does this.
 */
import { Agent, createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Connections } from "./connections.ts";
import { exchange } from "./exchange.ts";
import { FRONT_LIMITS, type FrontLimits } from "./limits.ts";
import { type Refusal, rawReply, refusal, unreadable } from "./refusal.ts";
import { checkHead } from "./request-rules.ts";

export interface FrontOptions {
  readonly host: string;
  readonly port: number;
  /** Where workerd listens. */
  readonly worker: { readonly host: string; readonly port: number };
  readonly limits?: FrontLimits;
}

export interface Front {
  readonly port: number;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

/** How long idle connections stay beyond what clients are promised. */
const SPARE_MS = 10_000;
const LINGER_MS = 1_000;
const HEADER_BYTES = 16 * 1024;

/** Starts to listen; rejects if the port cannot be had. */
export async function startFront({ host, port, worker, limits = FRONT_LIMITS }: FrontOptions): Promise<Front> {
  const agent = new Agent({ keepAlive: false });
  const connections = new Connections(limits);
  const turns = new WeakMap<Socket, Turns>();
  const server = createServer({
    headersTimeout: limits.headMs,
    connectionsCheckingInterval: limits.checkMs,
    // Bodies are watched as they come, by `Pace`.
    requestTimeout: 0,
    keepAliveTimeout: limits.idleMs,
    maxHeaderSize: HEADER_BYTES,
    requireHostHeader: false,
  });
  server.keepAliveTimeoutBuffer = SPARE_MS;

  const serve = (incoming: IncomingMessage, reply: ServerResponse, expects: boolean): void => {
    const { socket } = incoming;
    // It was turned away when it connected.
    if (!socket.writable) return;
    connections.busy(socket);
    const queue = turns.get(socket) ?? new Turns();
    turns.set(socket, queue);
    if (queue.length >= limits.pipelined) return void socket.destroy();
    const target = checkHead({
      method: incoming.method ?? "",
      url: incoming.url ?? "",
      httpVersion: incoming.httpVersion,
      rawHeaders: incoming.rawHeaders,
    });
    queue.add(reply, async () => {
      if (socket.destroyed) return;
      if (typeof target === "string") {
        const awaitsBody = (awaits: boolean) => (awaits ? connections.sending(socket) : connections.busy(socket));
        await exchange({ incoming, reply, target, upstream: { ...worker, agent }, limits, expects, awaitsBody });
      } else await refuse(reply, target);
      if (queue.length === 1) connections.idle(socket);
    });
  };
  server.on("request", (incoming, reply) => serve(incoming, reply, false));
  server.on("checkContinue", (incoming, reply) => serve(incoming, reply, true));
  server.on("checkExpectation", (_, reply) => {
    void refuse(reply, refusal("invalid_request", "The only expectation that is met is 100-continue.", 417));
  });
  server.on("connect", (_, socket) => {
    endWith(socket, refusal("method_not_allowed", "CONNECT is for proxies, which this is not."));
  });
  server.on("connection", (socket: Socket) => {
    if (connections.add(socket)) return;
    endWith(socket, refusal("capacity_exceeded", "Too many requests are under way. Send the request again."));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // A reply that has begun must not go on with another one.
    const hasBegun = turns.get(socket as Socket)?.reply?.headersSent === true;
    if (!socket.writable || hasBegun || error.code === "ECONNRESET") socket.destroy();
    else endWith(socket as Socket, unreadable(error.code));
  });
  return await listen(server, { host, port });
}

/** The requests of one connection, of which one is served at a time, in their order. */
class Turns {
  /** The reply that is under way, or the last one. */
  reply: ServerResponse | undefined;
  #last: Promise<void> = Promise.resolve();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(reply: ServerResponse, serve: () => Promise<void>): void {
    this.#length++;
    this.#last = this.#last.then(async () => {
      this.reply = reply;
      await serve().catch((error: unknown) => {
        console.error("the front could not pass a request on", error);
        reply.destroy();
      });
      this.reply = undefined;
      this.#length--;
    });
  }
}

function refuse(reply: ServerResponse, { status, headers, body }: Refusal): Promise<void> {
  return new Promise((resolve) => {
    reply.once("close", resolve);
    reply.writeHead(status, headers);
    reply.end(body);
  });
}

/** Sends a reply on a connection that no other one follows on. */
function endWith(socket: Duplex, answer: Refusal): void {
  socket.on("error", () => undefined);
  socket.end(rawReply(answer));
  // A client that is still sending may lose a reply whose connection is closed at once.
  setTimeout(() => socket.destroy(), LINGER_MS);
}

function listen(server: Server, { host, port }: Pick<FrontOptions, "host" | "port">): Promise<Front> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: 2048 }, () => {
      const { port: bound } = server.address() as AddressInfo;
      const close = (): Promise<void> =>
        new Promise((closed) => {
          server.close(() => closed());
          server.closeAllConnections();
        });
      resolve({ port: bound, close });
    });
  });
}
