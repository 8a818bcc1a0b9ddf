/** Permissions of checkpoints, by the official SDK. */
import OpenAI from "openai";
import { beforeAll, expect, it } from "vitest";
import type { Job } from "../../../shared/api/jobs.ts";
import { Api } from "../support/api.ts";
import { collected, openai } from "../support/client.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
// A base with a slash in its name, which is encoded in the path.
const base = "owner/permit-base";
let key: string;
let client: OpenAI;
let model: string;

beforeAll(async () => {
  await api.base(base);
  key = await api.tenant("permitter");
  await api.tenant("stranger");
  client = openai(api, key);
  const file = await api.dataset(key);
  await api.call<Job>("POST", "/v1/fine_tuning/jobs", { key, body: { model: base, training_file: file } });
  ({ model } = await trainer.work());
});

const permissions = () => client.fineTuning.checkpoints.permissions;

it("are created, listed and deleted", async () => {
  const [made] = await collected(permissions().create(model, { project_ids: ["permitter"] }));
  expect(made).toEqual({
    id: expect.stringMatching(/^cp_\w{24}$/),
    object: "checkpoint.permission",
    created_at: expect.any(Number),
    project_id: "permitter",
  });
  expect(await collected(permissions().create(model, { project_ids: ["permitter", "permitter"] }))).toEqual([made]);
  expect(await collected(permissions().list(model, { limit: 1, order: "ascending" }))).toEqual([made]);
  expect(await permissions().retrieve(model, { project_id: "permitter" })).toEqual({
    object: "list",
    data: [made],
    has_more: false,
    first_id: made!.id,
    last_id: made!.id,
  });
  expect(await permissions().retrieve(model, { project_id: "stranger" })).toMatchObject({ data: [], has_more: false });
  const at = { fine_tuned_model_checkpoint: model };
  expect(await permissions().delete(made!.id, at)).toEqual({
    id: made!.id,
    object: "checkpoint.permission",
    deleted: true,
  });
  await expect(permissions().delete(made!.id, at)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
});

it("never reach another tenant", async () => {
  const refused = await permissions()
    .create(model, { project_ids: ["permitter", "stranger"] })
    .then(
      () => undefined,
      (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
    );
  expect(refused).toMatchObject({ status: 403, code: "permission_denied", param: "project_ids[1]" });
  expect(await permissions().retrieve(model)).toMatchObject({ data: [] });
  const stranger = openai(api, await api.tenant("reader"));
  await expect(stranger.fineTuning.checkpoints.permissions.retrieve(model)).rejects.toMatchObject({
    status: 404,
    code: "model_not_found",
    param: "fine_tuned_model_checkpoint",
  });
});

it("take projects by name and pages of a sensible size", async () => {
  const path = `/v1/fine_tuning/checkpoints/${encodeURIComponent(model)}/permissions`;
  const refused = (method: string, query: string, body?: object) =>
    api.refusal(method, path + query, { key, ...(body === undefined ? {} : { body }) });
  expect(await refused("POST", "", {})).toMatchObject({ status: 400, param: "project_ids" });
  expect(await refused("POST", "", { project_ids: [] })).toMatchObject({ status: 400, param: "project_ids" });
  expect(await refused("GET", "?order=desc")).toMatchObject({ status: 400, param: "order" });
  expect(await refused("GET", "?after=cp_x")).toMatchObject({ status: 400, param: "after" });
  expect(await api.refusal("GET", path.replace(/%3A/g, "-"), { key })).toMatchObject({ code: "model_not_found" });
});

it("end with their model", async () => {
  await collected(permissions().create(model, { project_ids: ["permitter"] }));
  await client.models.delete(model);
  await expect(permissions().retrieve(model)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
});
