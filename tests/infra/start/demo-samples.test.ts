import { expect, test } from "vitest";
import type { ApiClient } from "../../../infra/start/api-client.ts";
import { askAll } from "../../../infra/start/demo-samples.ts";

const CHUNK = { id: "c", object: "chat.completion.chunk", created: 0, model: "m", system_fingerprint: null };

function chunk(content: string) {
  return { ...CHUNK, choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }] };
}

/** A client that answers with the prompt's words, the first after 500 ms and then one every 10 ms. */
function fake(clock: { ms: number }, usage: boolean): { client: ApiClient; asked: unknown[] } {
  const asked: unknown[] = [];
  const client = {
    async *stream(path: string, request: { messages: { content: string }[] }) {
      asked.push([path, request]);
      const words = request.messages[0]?.content.split(" ") ?? [];
      yield chunk("");
      clock.ms += 500;
      for (const word of words) {
        yield chunk(`${word} `);
        clock.ms += 10;
      }
      if (!usage) return;
      const counts = { prompt_tokens: 3, completion_tokens: words.length, total_tokens: 3 + words.length };
      yield { ...CHUNK, choices: [], usage: counts };
    },
  };
  return { client: client as unknown as ApiClient, asked };
}

test("speed counts the tokens after each first one, over the time since", async () => {
  const clock = { ms: 0 };
  const { client, asked } = fake(clock, true);
  const answers = await askAll(client, "m", ["a b c", "d e"], () => clock.ms);
  expect(answers).toEqual({ texts: ["a b c", "d e"], tokensPerSecond: 100 });
  expect(asked[0]).toEqual([
    "/v1/chat/completions",
    {
      model: "m",
      messages: [{ role: "user", content: "a b c" }],
      temperature: 0,
      max_tokens: 64,
      stream_options: { include_usage: true },
    },
  ]);
});

test("an answer without usage is an error", async () => {
  const { client } = fake({ ms: 0 }, false);
  await expect(askAll(client, "m", ["a"], () => 0)).rejects.toThrow("The answer from m has no usage.");
});
