/** What PyPI's client sends, replayed: see tests/golden/make/openai_evals.py. */
import { expect, it, vi } from "vitest";
import recorded from "../../golden/openai-evals/requests.json";
import { Api } from "../support/api.ts";
import { FakeEngine } from "../support/fake-engine.ts";
import { useEngine } from "../support/own-engine.ts";

it("takes every request of PyPI's client", async () => {
  const engine = new FakeEngine();
  engine.script = function* ({ prompt }) {
    if (prompt.kind !== "chat") throw new Error("The request is no chat.");
    expect(prompt.messages).toEqual([
      { role: "system", content: "Shout." },
      { role: "user", content: "ahoy" },
    ]);
    yield { type: "token", choice: 0, text: "AHOY" };
    yield { type: "finish", choice: 0, reason: "stop" };
    yield { type: "usage", promptTokens: 3, completionTokens: 1, cachedTokens: 0 };
  };
  const api = new Api({ ENGINE: engine.binding });
  await api.base("pypi-base");
  const key = await api.tenant("pypi");
  await useEngine("pypi", engine.binding);
  const names = new Map([["MODEL", "pypi-base"]]);
  const filled = (text: string) => [...names].reduce((all, [name, id]) => all.replaceAll(name, id), text);
  const replies: Record<string, unknown>[] = [];
  for (const { method, path, body } of recorded.requests) {
    const call = () =>
      api.call<Record<string, unknown>>(method, `/v1${filled(path)}`, {
        key,
        ...(body === null ? {} : { body: JSON.parse(filled(JSON.stringify(body))) }),
      });
    const isRun = method === "GET" && /\/runs\/RUN$/.test(path);
    const reply = isRun
      ? await vi.waitFor(
          async () => {
            const run = await call();
            expect(run.status).toBe("completed");
            return run;
          },
          { timeout: 10_000, interval: 20 },
        )
      : await call();
    replies.push(reply);
    if (reply.object === "eval") names.set("EVAL", String(reply.id));
    if (reply.object === "eval.run") names.set("RUN", String(reply.id));
    const [first] = (reply.data ?? []) as { object: string; id: string }[];
    if (first?.object === "eval.run.output_item") names.set("ITEM", first.id);
  }
  expect(replies.map(({ object }) => object)).toEqual([
    ...["eval", "eval", "eval", "list", "eval.run", "eval.run", "list", "list"],
    ...["eval.run.output_item", "eval.run.deleted", "eval.deleted"],
  ]);
  expect(replies[5]).toMatchObject({ result_counts: { total: 1, passed: 1, failed: 0, errored: 0 } });
  expect(replies[8]).toMatchObject({ status: "pass", sample: { seed: 7, output: [{ content: "AHOY" }] } });
});
