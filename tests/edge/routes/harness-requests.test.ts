/** The requests with which evaluation harnesses and an SDK steer, as `tests/golden/make/harness_requests.py` recorded them. */
import { beforeAll, describe, expect, it } from "vitest";
import requests from "../../golden/harness/requests.json";
import { Api } from "../support/api.ts";
import { echo, FakeEngine } from "../support/fake-engine.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
let key: string;

beforeAll(async () => {
  await api.base("trimtab-base");
  key = await api.tenant("harness");
  engine.script = echo;
});

describe.each(Object.entries(requests))("%s", (_, bodies) => {
  it.each(bodies.map((body, i) => [i, body] as const))("steers with its request %i", async (_, body) => {
    const response = await api.send("POST", "/v1/chat/completions", { key, body });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    const asked = engine.requests.at(-1)!.request;
    expect(asked.steering?.rules).toEqual({ banned: ["London"] });
    expect(asked.steering?.parts).toEqual({ guidance: { negative_prompt: "Be rude.", scale: 1.5 } });
    expect(asked.traced).toBeGreaterThan(0);
    const [first] = "stream" in body && body.stream ? text.split("\n\n") : [`data: ${text}`];
    expect(JSON.parse(first!.slice("data: ".length)).steering).toEqual(body.steering);
  });
});
