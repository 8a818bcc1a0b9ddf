import { beforeAll, describe, expect, it } from "vitest";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";
import { tinyBase } from "../support/tiny-base.ts";

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
          base_status: "available",
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
          base_status: "available",
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

  it("and deltas say that their base was deleted, or that another has its name", async () => {
    const admin = api.env.ADMIN_TOKEN;
    await api.base("going");
    const training_file = await api.dataset(key);
    await api.call("POST", "/v1/fine_tuning/jobs", { key, body: { model: "going", training_file } });
    const { model } = await new FakeTrainer(api).work("going");
    await api.call("POST", "/v1/aliases", { key, body: { id: "to-going", model } });
    await api.call("POST", "/v1/aliases", { key, body: { id: "to-base", model: "going" } });
    const statuses = async () => {
      const { data } = await api.call<{ data: Shown[] }>("GET", "/v1/models", { key });
      const deltas = await api.call<{ data: (Shown & { model: string })[] }>("GET", "/v1/deltas", { key });
      const delta = deltas.data.find((row) => row.model === "going")!;
      const of = (name: string) => data.find(({ id }) => id === name)?.base_status;
      const one = await api.call<Shown>("GET", `/v1/models/${model}`, { key });
      const alone = await api.call<Shown>("GET", `/v1/deltas/${delta.id}`, { key });
      expect([one.base_status, alone.base_status]).toEqual([of(model), delta.base_status]);
      return [of(model), of("to-going"), of("to-base"), delta.base_status];
    };
    expect(await statuses()).toEqual(["available", "available", "available", "available"]);

    await api.call("DELETE", "/v1/admin/models/going", { key: admin });
    expect(await statuses()).toEqual(["deleted", "deleted", "deleted", "deleted"]);
    const asked = () => api.refusal("POST", "/v1/completions", { key, body: { model, prompt: "hi" } });
    expect(await asked()).toMatchObject({
      code: "model_not_found",
      param: "model",
      message: `The base model "going" of "${model}" was deleted. It works again once the same base is added.`,
    });

    await api.base("going", tinyBase({ "README.md": "another" }));
    expect(await statuses()).toEqual(["replaced", "replaced", "available", "replaced"]);
    expect(await asked()).toMatchObject({
      code: "invalid_delta",
      message:
        "The model was made for another version of going, which was deleted. Train it again, or add that version again.",
    });
    const { data } = await api.call<{ data: (Shown & { model: string })[] }>("GET", "/v1/deltas", { key });
    const deltas = [{ id: data.find((row) => row.model === "going")!.id, weight: 1 }];
    const body = { model: "going", prompt: "hi", deltas };
    expect(await api.refusal("POST", "/v1/completions", { key, body })).toMatchObject({
      code: "invalid_delta",
      param: "deltas[0].id",
      message: expect.stringContaining("is for another version of going, which was deleted"),
    });

    await api.call("DELETE", "/v1/admin/models/going", { key: admin });
    await api.base("going");
    expect(await statuses()).toEqual(["available", "available", "available", "available"]);
  });
});

interface Shown {
  readonly id: string;
  readonly base_status: string;
}
