import { expect, it } from "vitest";
import { Api } from "../support/api.ts";
import { openai } from "../support/client.ts";
import { FakeEngine } from "../support/fake-engine.ts";

it("the SDK reads and deletes responses that were kept", async () => {
  const api = new Api({ ENGINE: new FakeEngine().binding });
  await api.base("responding");
  const key = await api.tenant("responses");
  const client = openai(api, key);
  const made = await client.responses.create({ model: "responding", input: "hi", store: true, metadata: { a: "b" } });
  const { output_text: text, ...plain } = made;
  expect(await client.responses.retrieve(made.id)).toMatchObject({
    id: made.id,
    status: "completed",
    output_text: text,
  });
  expect(plain.metadata).toEqual({ a: "b" });
  await client.responses.delete(made.id);
  await expect(client.responses.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
});
