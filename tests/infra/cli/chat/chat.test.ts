import { expect, it } from "vitest";
import { fakeApi, Refusal, runCli } from "../support/cli.ts";

const CHAT = "POST /v1/chat/completions";
const base = { id: "c", created: 1, model: "trimtab-base", system_fingerprint: null };
const chunk = (content: string) => ({
  ...{ ...base, object: "chat.completion.chunk" },
  choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }],
});
const reply = {
  ...{ ...base, object: "chat.completion" },
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "Hello.", refusal: null },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, prompt_tokens_details: { cached_tokens: 0 } },
};

it("answers one message as it is written, with the settings that were given", async () => {
  const { env, seen } = await fakeApi({ [CHAT]: [[chunk("Hel"), chunk("lo.")]] });
  const words = ["chat", "Hi", "--system", "Be kind.", "--temperature", "0", "--max-tokens", "9", "--seed", "3"];
  expect(await runCli(words, { env })).toMatchObject({ out: "Hello.\n", status: 0 });
  expect(JSON.parse(seen[0]!.body)).toEqual({
    ...{ model: "trimtab-base", temperature: 0, max_completion_tokens: 9, seed: 3, stream: true },
    messages: [
      { role: "system", content: "Be kind." },
      { role: "user", content: "Hi" },
    ],
  });
});

it("remembers what was said, and goes on after a message that was refused", async () => {
  const { env, seen } = await fakeApi({ [CHAT]: [[chunk("One.")], new Refusal("Too long."), [chunk("Three.")]] });
  const { out, failed, status } = await runCli(["chat", "--model", "m"], { env, lines: ["a", "", "b", "c"] });
  expect([out, failed, status]).toEqual(["One.\nThree.\n", "Too long.\n", 1]);
  expect(JSON.parse(seen[2]!.body).messages.map(({ content }: { content: string }) => content)).toEqual([
    "a",
    "One.",
    "c",
  ]);
});

it("prints the API's reply as JSON", async () => {
  const { env } = await fakeApi({ [CHAT]: [reply] });
  expect(JSON.parse((await runCli(["chat", "Hi", "--json"], { env })).out)).toMatchObject(reply);
});
