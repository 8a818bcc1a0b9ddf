import { describe, expect, it } from "vitest";
import { createSend, type HttpEffects, type HttpRequest } from "../../../trainer/service/http.ts";

const request: HttpRequest = { method: "GET", path: "/v1/x", timeoutMs: 50, retryForMs: 10_000, maxBytes: 100 };

/** A server with one scripted reply per call; the clock advances by sleeping, and by what an answer spends. */
function setUp(...answers: (((spend: (milliseconds: number) => void) => Response) | Error | "hang")[]) {
  const calls: { url: string; init: RequestInit }[] = [];
  const pauses: number[] = [];
  let clock = 0;
  const spend = (milliseconds: number) => {
    clock += milliseconds;
  };
  const effects: HttpEffects = {
    fetch: (url, init) => {
      calls.push({ url: String(url), init: init! });
      const answer = answers[Math.min(calls.length, answers.length) - 1]!;
      if (answer === "hang") {
        return new Promise((_, reject) => {
          init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason));
        });
      }
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer(spend));
    },
    sleep: async (milliseconds) => {
      pauses.push(milliseconds);
      clock += milliseconds;
    },
    random: () => 1,
    now: () => clock,
  };
  return { send: createSend(new URL("http://server.test"), "secret", effects), calls, pauses };
}

const refusal = (status: number, code: string) => () =>
  new Response(JSON.stringify({ error: { message: `no: ${code}`, type: "t", param: "p", code } }), { status });
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("createSend", () => {
  it("sends to the configured server with the token and follows no redirect", async () => {
    const { send, calls } = setUp(() => new Response("ok"));
    const reply = await send({ ...request, headers: { "x-a": "1" } });
    expect([reply.status, text(reply.bytes)]).toEqual([200, "ok"]);
    expect(calls[0]!.url).toBe("http://server.test/v1/x");
    expect(calls[0]!.init).toMatchObject({
      method: "GET",
      redirect: "manual",
      headers: { authorization: "Bearer secret", "x-a": "1" },
    });
  });

  it("rejects redirects and other origins without retrying", async () => {
    const redirect = setUp(() => new Response(null, { status: 302, headers: { location: "http://169.254.0.1" } }));
    await expect(redirect.send(request)).rejects.toThrow("GET /v1/x returned a redirect (302)");
    expect(redirect.calls).toHaveLength(1);
    for (const path of ["//evil.test/x", "http://evil.test/x"]) {
      const away = setUp(() => new Response("ok"));
      await expect(away.send({ ...request, path })).rejects.toThrow("it points outside http://server.test");
      expect(away.calls).toHaveLength(0);
    }
  });

  it("retries transient failures with growing pauses: no connection, a timeout, 429, 5xx", async () => {
    const { send, calls, pauses } = setUp(
      new TypeError("fetch failed"),
      "hang",
      refusal(429, "rate_limit_exceeded"),
      () => new Response("<html>", { status: 502 }),
      () => new Response("ok"),
    );
    expect(text((await send(request)).bytes)).toBe("ok");
    expect(calls).toHaveLength(5);
    expect(pauses).toEqual([200, 400, 800, 1600]);
  });

  it("retries for its time limit from the first failure on, however long one attempt may take", async () => {
    const slow = (spend: (milliseconds: number) => void) => {
      spend(120_000);
      return refusal(503, "capacity_exceeded")();
    };
    const { send, calls } = setUp(slow, () => new Response("ok"));
    expect(text((await send(request)).bytes)).toBe("ok");
    expect(calls).toHaveLength(2);
    const down = setUp(slow);
    await expect(down.send(request)).rejects.toMatchObject({ code: "capacity_exceeded" });
    expect(down.calls).toHaveLength(2);
  });

  it("waits as long as `retry-after` says, and for a limit beside its time limit", async () => {
    const busyFor = (status: number, code: string, seconds: number) => () =>
      new Response(refusal(status, code)().body, { status, headers: { "retry-after": String(seconds) } });
    const busy = setUp(busyFor(503, "capacity_exceeded", 3), () => new Response("ok"));
    await busy.send(request);
    expect(busy.pauses).toEqual([3_200]);
    const limit = busyFor(429, "rate_limit_exceeded", 30);
    const limited = setUp(limit, limit, refusal(503, "capacity_exceeded"), () => new Response("ok"));
    await limited.send({ ...request, limitedForMs: 61_000 });
    expect(limited.pauses).toEqual([30_200, 30_400, 800]);
    // Nobody waits for nothing.
    const beyond = setUp(limit);
    await expect(beyond.send({ ...request, limitedForMs: 61_000 })).rejects.toMatchObject({
      code: "rate_limit_exceeded",
    });
    expect(beyond.pauses).toEqual([30_200, 30_400]);
    const impatient = setUp(limit);
    await expect(impatient.send(request)).rejects.toMatchObject({ code: "rate_limit_exceeded" });
    expect(impatient.pauses).toEqual([]);
    const dated = () =>
      new Response(null, { status: 503, headers: { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" } });
    const odd = setUp(dated, () => new Response("ok"));
    await odd.send(request);
    expect(odd.pauses).toEqual([200]);
  });

  it("gives up after its time limit with the last error", async () => {
    const down = setUp(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") }));
    await expect(down.send(request)).rejects.toMatchObject({
      code: "capacity_exceeded",
      message: "GET /v1/x failed: fetch failed: connect ECONNREFUSED",
    });
    expect(down.pauses.reduce((sum, pause) => sum + pause, 0)).toBeLessThanOrEqual(10_000);
    const once = setUp("hang");
    await expect(once.send({ ...request, retryForMs: 0 })).rejects.toThrow("GET /v1/x failed: no answer within 50 ms");
    expect(once.calls).toHaveLength(1);
  });

  it("throws the server's own error for a 4xx without retrying", async () => {
    const { send, calls } = setUp(refusal(409, "stale_lease"));
    await expect(send(request)).rejects.toMatchObject({ code: "stale_lease", message: "no: stale_lease", param: "p" });
    expect(calls).toHaveLength(1);
    await expect(setUp(() => new Response("?", { status: 404 })).send(request)).rejects.toThrow("returned 404");
  });

  it("rejects a reply that is too long", async () => {
    const { send } = setUp(() => new Response("x".repeat(101)));
    await expect(send(request)).rejects.toMatchObject({ code: "payload_too_large" });
    // Error bodies have their own limit.
    const small = setUp(refusal(404, "not_found"));
    await expect(small.send({ ...request, maxBytes: 2 })).rejects.toMatchObject({ code: "not_found" });
  });

  it("throws the signal's reason, both during and between attempts", async () => {
    const stop = new AbortController();
    const hanging = setUp("hang").send({ ...request, timeoutMs: 10_000, signal: stop.signal });
    stop.abort("shutdown");
    await expect(hanging).rejects.toBe("shutdown");
    await expect(setUp(refusal(500, "internal_error")).send({ ...request, signal: stop.signal })).rejects.toBe(
      "shutdown",
    );
  });
});
