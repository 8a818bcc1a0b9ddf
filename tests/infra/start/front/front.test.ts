import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type Front, startFront } from "../../../../infra/start/front/front.ts";
import { FRONT_LIMITS, type FrontLimits } from "../../../../infra/start/front/limits.ts";
import { RawClient } from "../../../support/raw-http.ts";

const LIMITS: FrontLimits = {
  ...FRONT_LIMITS,
  connections: 20,
  pipelined: 4,
  headMs: 400,
  checkMs: 50,
  sending: { silenceMs: 300, bytesPerSecond: 1000, graceMs: 600 },
  reading: { silenceMs: 300, bytesPerSecond: 1000, graceMs: 600 },
  continueMs: 50,
  rest: { ms: 400, bytes: 1 << 20, bytesOfStrangers: 1 << 16 },
};

type Handler = (incoming: IncomingMessage, reply: ServerResponse) => void;

let worker: Server;
let handler: Handler;
let front: Front;
const clients: RawClient[] = [];

beforeAll(async () => {
  worker = createServer({ keepAliveTimeout: 1 }, (incoming, reply) => handler(incoming, reply));
  worker.listen(0, "127.0.0.1");
  await once(worker, "listening");
  front = await start(LIMITS);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  await front.close();
  worker.closeAllConnections();
  worker.close();
});

function start(limits: FrontLimits): Promise<Front> {
  const { port } = worker.address() as AddressInfo;
  return startFront({ host: "127.0.0.1", port: 0, worker: { host: "127.0.0.1", port }, limits });
}

function client(port = front.port): RawClient {
  const made = new RawClient(port);
  clients.push(made);
  return made;
}

const head = (first: string, ...headers: string[]) =>
  `${[`${first} HTTP/1.1`, "host: a.test", ...headers].join("\r\n")}\r\n\r\n`;

const echo: Handler = async (incoming, reply) => {
  let body = "";
  for await (const chunk of incoming) body += chunk;
  reply.end(JSON.stringify({ url: incoming.url, headers: incoming.headers, body }));
};

test("passes a request on and its reply back, and keeps the connection for the next one", async () => {
  handler = echo;
  const one = client();
  one.send(head("POST /v1/x?y=1", "content-length: 3", "x-a: b", "connection: keep-alive, x-c", "x-c: d"), "abc");
  const first = await one.reply();
  expect(first?.headers).toMatchObject({ connection: "keep-alive", "keep-alive": "timeout=120" });
  const { url, headers, body } = JSON.parse(first!.body);
  expect({ url, body, a: headers["x-a"], c: headers["x-c"], host: headers.host }).toEqual({
    ...{ url: "/v1/x?y=1", body: "abc", a: "b", c: undefined, host: "a.test" },
  });
  one.send(head("POST /v1/y", "transfer-encoding: chunked"), "2\r\nde\r\n0\r\n\r\n");
  expect(JSON.parse((await one.reply())!.body)).toMatchObject({ url: "/v1/y", body: "de" });
});

test("answers requests that are sent ahead one after another, in their order", async () => {
  let most = 0;
  let underWay = 0;
  handler = (incoming, reply) => {
    most = Math.max(most, ++underWay);
    setTimeout(() => {
      underWay--;
      reply.end(incoming.url);
    }, 20);
  };
  const one = client().send(head("GET /1"), head("GET /2"), head("GET /3"));
  expect([(await one.reply())?.body, (await one.reply())?.body, (await one.reply())?.body]).toEqual(["/1", "/2", "/3"]);
  expect(most).toBe(1);
  one.send(...Array.from({ length: 40 }, () => head("GET /")));
  expect(await one.end()).toBeDefined();
});

test("a reply that breaks off is cut for the client, and never ends as a whole one", async () => {
  handler = (_, reply) => {
    reply.write("begun");
    setTimeout(() => reply.socket?.destroy(), 20);
  };
  const chunked = client().send(head("GET /"));
  expect(await chunked.reply()).toBeUndefined();
  expect(chunked.text).toContain("begun");
  expect(chunked.text).not.toContain("\r\n0\r\n");
  const old = client().send("GET / HTTP/1.0\r\n\r\n");
  expect(await old.end()).toBe("reset");
  handler = (_, reply) => {
    reply.writeHead(200, { "content-length": "100" });
    reply.write("short");
    setTimeout(() => reply.socket?.destroy(), 20);
  };
  const known = client().send(head("GET /"));
  expect(await known.reply()).toBeUndefined();
  expect(known.text).toContain("content-length: 100");
});

test("a request whose client leaves is ended at the Worker", async () => {
  const left = vi.fn();
  handler = (_, reply) => {
    reply.once("close", left);
    reply.write("begun");
  };
  const one = client().send(head("GET /"));
  await one.until((text) => text.includes("begun"));
  one.close();
  await vi.waitFor(() => expect(left).toHaveBeenCalled());
});

test("answers before the body has come, takes the rest of it, and then the next request", async () => {
  handler = (incoming, reply) => {
    if (incoming.url === "/next") return void reply.end("next");
    reply.writeHead(401, { "content-length": "2" });
    reply.end("no");
  };
  const one = client().send(head("POST /", "content-length: 1000"), "a");
  expect(await one.reply()).toMatchObject({ status: 401, body: "no" });
  one.send("b".repeat(999), head("GET /next"));
  expect((await one.reply())?.body).toBe("next");
  const long = client().send(head("POST /", "content-length: 100000000"), "a");
  expect(await long.reply()).toMatchObject({ status: 401 });
  long.send(Buffer.alloc(1 << 20));
  expect(await long.end()).toBeDefined();
  const silent = client().send(head("POST /", "content-length: 1000"), "a");
  expect(await silent.reply()).toMatchObject({ status: 401 });
  expect(await silent.end()).toBeDefined();
});

test("tells a client that asks to send its body, unless it is refused first", async () => {
  handler = echo;
  const one = client().send(head("POST /", "content-length: 3", "expect: 100-continue"));
  expect(await one.reply()).toMatchObject({ status: 100 });
  one.send("abc");
  expect(JSON.parse((await one.reply())!.body)).toMatchObject({ body: "abc" });
  handler = (_, reply) => void reply.writeHead(401, { "content-length": "0" }).end();
  const refused = client().send(head("POST /", "content-length: 3", "expect: 100-continue"));
  expect(await refused.reply()).toMatchObject({ status: 401, headers: { connection: "close" } });
  expect(await refused.end()).toBe("ended");
  const other = client().send(head("POST /", "content-length: 3", "expect: miracles"));
  expect(await other.reply()).toMatchObject({ status: 417 });
});

test("a connection that stays silent, or stops in its headers, is told and closed", async () => {
  const [silent, half] = [client(), client().send("GET / HTTP/1.1\r\nhost: a.test\r\nx: ")];
  expect(JSON.parse((await half.reply())!.body).error).toMatchObject({ code: "request_timeout", param: null });
  expect(await half.end()).toBe("ended");
  expect(await silent.end()).toBeDefined();
});

test("a body that stops, or comes too slowly, is answered 408 and its request ended at the Worker", async () => {
  const broken = vi.fn();
  handler = (incoming) => {
    incoming.on("error", broken);
    incoming.resume();
  };
  const stopped = client().send(head("POST /", "content-length: 10"), "abc");
  expect(await stopped.reply()).toMatchObject({ status: 408, headers: { connection: "close" } });
  expect(await stopped.end()).toBe("ended");
  await vi.waitFor(() => expect(broken).toHaveBeenCalledTimes(1));
  const slow = client().send(head("POST /", "content-length: 1000"));
  const dripping = setInterval(() => slow.send("."), 100);
  expect(await slow.reply()).toMatchObject({ status: 408 });
  clearInterval(dripping);
});

test("a Worker that reads slowly does not make its client late", async () => {
  handler = (incoming, reply) => {
    setTimeout(() => {
      incoming.resume();
      incoming.once("end", () => reply.end("read"));
    }, 1000);
  };
  const body = Buffer.alloc(24 << 20);
  const one = client().send(head("POST /", `content-length: ${body.length}`), body);
  expect(await one.reply()).toMatchObject({ status: 200, body: "read" });
});

test("a reader that reads nothing is cut off, and its request ended at the Worker", async () => {
  const left = vi.fn();
  handler = (_, reply) => {
    reply.once("close", left);
    const more = () => {
      while (!reply.destroyed && reply.write(Buffer.alloc(1 << 16)));
    };
    reply.on("drain", more);
    more();
  };
  const one = client().send(head("GET /"));
  await one.until((text) => text.length > 0);
  one.socket.pause();
  await vi.waitFor(() => expect(left).toHaveBeenCalled(), { timeout: 10_000 });
});

test("where connections run out, the silent ones make room, and then newcomers are told", async () => {
  const few = await start({ ...LIMITS, connections: 3, headMs: 60_000 });
  const replies: ServerResponse[] = [];
  handler = (_, reply) => void replies.push(reply);
  const [first, second] = [client(few.port), client(few.port)];
  await Promise.all([once(first.socket, "connect"), once(second.socket, "connect")]);
  const busy = [client(few.port), client(few.port), client(few.port)];
  for (const each of busy) each.send(head("GET /"));
  await vi.waitFor(() => expect(replies).toHaveLength(3));
  expect([await first.end(), await second.end()]).not.toContain(undefined);
  const late = client(few.port).send(head("GET /"));
  expect(await late.reply()).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
  for (const reply of replies) reply.end("served");
  expect((await busy[0]!.reply())?.body).toBe("served");
  await few.close();
});

test("bodies that are half sent make room as well, those that have waited longest first", async () => {
  const few = await start({ ...LIMITS, connections: 3, sending: { ...LIMITS.sending, silenceMs: 60_000 } });
  const paths: (string | undefined)[] = [];
  handler = (incoming, reply) => {
    paths.push(incoming.url);
    incoming.on("error", () => undefined);
    incoming.resume();
    if (incoming.method === "GET") reply.end("served");
  };
  const half = [client(few.port), client(few.port), client(few.port)];
  for (const [i, each] of half.entries()) {
    each.send(head(`POST /${i}`, "content-length: 10"), "a");
    await vi.waitFor(() => expect(paths).toContain(`/${i}`));
  }
  half[0]!.send("b");
  await new Promise((resolve) => setTimeout(resolve, 50));
  const newcomer = client(few.port).send(head("GET /"));
  expect((await newcomer.reply())?.body).toBe("served");
  expect(await half[1]!.end()).toBeDefined();
  // The newcomer's own connection is between two requests, and goes before those that still send.
  expect((await client(few.port).send(head("GET /")).reply())?.body).toBe("served");
  expect(await newcomer.end()).toBeDefined();
  await few.close();
});

test("of too many bodies that are on their way, the one that has been silent longest is given up", async () => {
  const few = await start({ ...LIMITS, bodies: 2, sending: { ...LIMITS.sending, silenceMs: 60_000 } });
  const paths: (string | undefined)[] = [];
  handler = async (incoming, reply) => {
    paths.push(incoming.url);
    try {
      for await (const _ of incoming);
      reply.end("read");
    } catch {}
  };
  const half = [client(few.port), client(few.port)];
  for (const [i, each] of half.entries()) {
    each.send(head(`POST /${i}`, "content-length: 3"), "a");
    await vi.waitFor(() => expect(paths).toContain(`/${i}`));
  }
  half[0]!.send("b");
  await new Promise((resolve) => setTimeout(resolve, 50));
  const last = client(few.port).send(head("POST /last", "content-length: 3"), "a");
  expect(await half[1]!.end()).toBeDefined();
  for (const [each, rest] of [
    [half[0]!, "c"],
    [last, "bc"],
  ] as const) {
    each.send(rest);
    expect((await each.reply())?.body).toBe("read");
  }
  await few.close();
});

test("what a client that was turned away has sent all the same is not carried out", async () => {
  const one = await start({ ...LIMITS, connections: 1 });
  const urls: (string | undefined)[] = [];
  let reply: ServerResponse | undefined;
  handler = (incoming, answer) => {
    urls.push(incoming.url);
    reply = answer;
  };
  const first = client(one.port).send(head("GET /first"));
  await vi.waitFor(() => expect(reply).toBeDefined());
  const late = client(one.port).send(head("POST /late", "content-length: 0"));
  expect(await late.reply()).toMatchObject({ status: 503 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  reply?.end("served");
  expect((await first.reply())?.body).toBe("served");
  expect(urls).toEqual(["/first"]);
  await one.close();
});

test("a Worker that is gone is reported as such", async () => {
  const nobody = await startFront({ host: "127.0.0.1", port: 0, worker: { host: "127.0.0.1", port: 1 } });
  const one = client(nobody.port).send(head("POST /", "content-length: 1"), "a");
  expect(await one.reply()).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
  await nobody.close();
  handler = (incoming) => incoming.socket.destroy();
  const reply = await client().send(head("POST /", "content-length: 1"), "a").reply();
  expect(reply?.status).toBe(500);
  expect(JSON.parse(reply!.body).error.message).toContain("may or may not have been carried out");
});

test.each([
  ["a length beside a transfer-encoding", head("POST /", "content-length: 3", "transfer-encoding: chunked"), 400],
  ["two lengths", head("POST /", "content-length: 3", "content-length: 3"), 400],
  ["a negative length", head("POST /", "content-length: -1"), 400],
  ["a length that is no number", head("POST /", "content-length: 0x3"), 400],
  ["a list of lengths", head("POST /", "content-length: 3, 3"), 400],
  ["an unknown transfer-encoding", head("POST /", "transfer-encoding: gzip, chunked"), 400],
  ["a chunk size that is no number", `${head("POST /", "transfer-encoding: chunked")}zz\r\n`, 400],
  ["chunk extensions without end", `${head("POST /", "transfer-encoding: chunked")}1;${"a".repeat(20_000)}`, 413],
  ["headers without end", head("GET /", `x: ${"a".repeat(20_000)}`), 431],
  ["a folded header", head("GET /", "x: a\r\n b"), 400],
  ["a space before the colon", head("GET /", "x : a"), 400],
  ["two hosts", head("GET /", "host: b.test"), 400],
  ["no host", "GET / HTTP/1.1\r\n\r\n", 400],
  ["two keys", head("GET /", "authorization: a", "authorization: b"), 400],
  ["a host that is none", "GET / HTTP/1.1\r\nhost: a b/c@d\r\n\r\n", 400],
  ["another host in the URL", head("GET http://b.test/"), 400],
  ["a path to the folder above", head("GET /v1/../admin"), 400],
  ["an encoded one", head("GET /v1/%2E%2e/admin"), 400],
  ["a NUL", head("GET /v1/%00"), 400],
  ["half an escape", head("GET /v1/%2"), 400],
  ["a path without its slash", head("GET v1"), 400],
  ["bytes beyond ASCII", head("GET /\xff"), 400],
  ["another protocol", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400],
  ["an unknown method", head("BREW /pot"), 400],
  ["CONNECT", head("CONNECT a.test:443"), 405],
])("refuses %s", async (_, bytes, status) => {
  const reached = vi.fn();
  handler = (incoming, reply) => {
    incoming.on("error", () => undefined);
    incoming.on("data", reached);
    incoming.on("end", () => reply.end("served"));
  };
  const one = client().send(bytes);
  const reply = await one.reply();
  expect(reply?.status, reply?.body).toBe(status);
  expect(JSON.parse(reply!.body).error.message).toMatch(/\.$/);
  expect(await one.end()).toBeDefined();
  expect(reached).not.toHaveBeenCalled();
});

test.each([
  ["http://a.test/v1/x", "/v1/x"],
  ["http://A.test?x=1", "/?x=1"],
  ["/v1/models/a%2Fb", "/v1/models/a%2Fb"],
  ["//v1", "//v1"],
  ["/..a/.b./...", "/..a/.b./..."],
])("passes %s on", async (url, passed) => {
  handler = echo;
  expect(
    JSON.parse(
      (await client()
        .send(head(`GET ${url}`))
        .reply())!.body,
    ).url,
  ).toBe(passed);
});

test("clients that keep connections alive meet no reset beside others that break off", async () => {
  handler = (incoming, reply) => {
    let left = 5;
    const timer = setInterval(() => {
      reply.write("data: x\n\n");
      if (--left > 0) return;
      clearInterval(timer);
      reply.end();
    }, 2);
    incoming.resume();
    reply.once("close", () => clearInterval(timer));
  };
  const agent = new Agent({ keepAlive: true, maxSockets: 12 });
  const outcomes: string[] = [];
  const call = (breaksOff: boolean) =>
    new Promise<void>((resolve) => {
      const asked = request({ port: front.port, method: "POST", agent }, (reply) => {
        reply.once("data", () => breaksOff && asked.destroy());
        reply.once("close", () => {
          if (!breaksOff) outcomes.push(reply.complete ? "whole" : "cut");
          resolve();
        });
        reply.on("error", () => undefined);
      });
      asked.on("error", (error: NodeJS.ErrnoException) => {
        if (!breaksOff) outcomes.push(error.code ?? error.message);
        resolve();
      });
      asked.end("{}");
    });
  await Promise.all(Array.from({ length: 400 }, (_, i) => call(i % 5 === 0)));
  agent.destroy();
  expect(new Set(outcomes)).toEqual(new Set(["whole"]));
  expect(outcomes).toHaveLength(320);
});
