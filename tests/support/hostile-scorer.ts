/**
 * A scorer that misbehaves on its connection in as many ways as its paths name. It is a bare TCP server in Node, because an HTTP
 * server would not send what is wrong with HTTP. As vitest's global setup it gives its address to the tests inside workerd.
 */
import { createServer, type Socket } from "node:net";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    hostileScorer: string;
  }
}

const head = (fields: string, status = "HTTP/1.1 200 OK"): string => `${status}\r\n${fields}\r\n\r\n`;
const whole = (body: string, status?: string): string =>
  head(`content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`, status) +
  body;

/** What was sent, for `/seen` to show. */
let seen: { headers: Record<string, string>; body: string; hits: number } = { headers: {}, body: "", hits: 0 };

interface Asked {
  readonly path: string;
  readonly count: number;
}

const BEHAVIOURS: Readonly<Record<string, (socket: Socket, asked: Asked) => void>> = {
  good: (socket, { count }) =>
    socket.end(whole(JSON.stringify({ scores: Array.from({ length: count }, (_, i) => i / 2) }))),
  "never-answers": () => {},
  "stalls-in-body": (socket) => void socket.write(`${head("content-length: 30")}{"scores":[`),
  drips(socket) {
    socket.write(head("content-length: 1000"));
    const timer = setInterval(() => socket.write(" "), 50);
    socket.on("close", () => clearInterval(timer));
  },
  "drips-headers"(socket) {
    socket.write("HTTP/1.1 200 OK\r\n");
    const timer = setInterval(() => socket.write("x-more: y\r\n"), 50);
    socket.on("close", () => clearInterval(timer));
  },
  redirects: (socket) => socket.end(whole("", `HTTP/1.1 302 Found\r\nlocation: ${address}/hit`)),
  "redirects-keeping": (socket) => socket.end(whole("", `HTTP/1.1 307 Temporary Redirect\r\nlocation: ${address}/hit`)),
  hit(socket) {
    seen = { ...seen, hits: seen.hits + 1 };
    socket.end(whole('{"scores":[1]}'));
  },
  "says-huge": (socket) => void socket.write(head("content-length: 10000000000")),
  pours(socket) {
    socket.write(head("content-type: application/json"));
    const chunk = Buffer.alloc(1 << 16, " ");
    const pour = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on("drain", pour);
    pour();
  },
  resets: (socket) => void socket.resetAndDestroy(),
  closes: (socket) => void socket.end(),
  "breaks-off": (socket) => socket.end(`${head("content-length: 100")}{"scores":`),
  "resets-in-body"(socket) {
    socket.write(`${head("content-length: 100")}{"scores":`, () => setTimeout(() => socket.resetAndDestroy(), 20));
  },
  garbage: (socket) => void socket.end("SSH-2.0-OpenSSH_9.6\r\n"),
  "http-1.0": (socket) =>
    void socket.end(`${head("content-type: application/json", "HTTP/1.0 200 OK")}{"scores":[0.25]}`),
  "bad-chunks": (socket) => void socket.end(`${head("transfer-encoding: chunked")}zz\r\n{"scores":[1]}\r\n0\r\n\r\n`),
  "fails-500": (socket) => void socket.end(whole("{}", "HTTP/1.1 500 Internal Server Error")),
  "no-content": (socket) => void socket.end(head("connection: close", "HTTP/1.1 204 No Content")),
  seen: (socket) => void socket.end(whole(JSON.stringify(seen))),
};

let address = "";

function serve(socket: Socket): void {
  socket.on("error", () => {});
  let received = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const [start = "", ...lines] = received.subarray(0, end).toString().split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
    );
    const body = received.subarray(end + 4);
    if (body.length < Number(headers["content-length"] ?? 0)) return;
    socket.removeAllListeners("data");
    const path = (start.split(" ")[1] ?? "/").slice(1);
    const text = body.toString();
    if (path !== "seen") seen = { ...seen, headers, body: text };
    const count = text === "" ? 0 : (JSON.parse(text) as { candidates: unknown[] }).candidates.length;
    // `/says/<text>` answers with that text.
    if (path.startsWith("says/")) socket.end(whole(decodeURIComponent(path.slice("says/".length))));
    else (BEHAVIOURS[path] ?? BEHAVIOURS.good!)(socket, { path, count });
  });
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("The scorer has no port");
  address = `http://127.0.0.1:${bound.port}`;
  project.provide("hostileScorer", address);
  return () =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
}
