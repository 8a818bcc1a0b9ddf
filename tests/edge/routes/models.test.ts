import { beforeAll, describe, expect, it } from "vitest";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
let key: string;
let tuned: string;

beforeAll(async () => {
  await api.base("model-base");
  key = await api.tenant("modeller");
  const file = await api.dataset(key);
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body: { model: "model-base", training_file: file } });
  tuned = (await new FakeTrainer(api).work("models")).model;
});

describe("models", () => {
  it("are the bases and the tenant's own", async () => {
    const models = await collected(openai(api, key).models.list());
    expect(models).toEqual(
      expect.arrayContaining([
        {
          id: "model-base",
          object: "model",
          created: expect.any(Number),
          owned_by: "trimtab",
          root: "model-base",
          parent: null,
          context_length: 128,
          max_model_len: 128,
        },
        {
          id: tuned,
          object: "model",
          created: expect.any(Number),
          owned_by: "modeller",
          root: "model-base",
          parent: "model-base",
          context_length: 128,
          max_model_len: 128,
        },
      ]),
    );
    expect(await openai(api, key).models.retrieve(tuned)).toMatchObject({ id: tuned });
    expect(await openai(api, key).models.retrieve("model-base")).toMatchObject({ id: "model-base" });
  });

  it("of one's own can be deleted, bases and strangers' cannot", async () => {
    const client = openai(api, key);
    await expect(client.models.delete("model-base")).rejects.toMatchObject({ status: 403, code: "permission_denied" });
    await expect(openai(api, await api.tenant("model-thief")).models.delete(tuned)).rejects.toMatchObject({
      status: 404,
    });
    expect(await client.models.delete(tuned)).toEqual({ id: tuned, object: "model", deleted: true });
    await expect(client.models.retrieve(tuned)).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
    const messages = [{ role: "user", content: "hi" }];
    expect(await api.refusal("POST", "/v1/chat/completions", { key, body: { model: tuned, messages } })).toMatchObject({
      status: 404,
      code: "model_not_found",
    });
  });
});
