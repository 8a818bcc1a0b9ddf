import { expect, it } from "vitest";
import { settingsOf } from "../../../shared/api/methods.ts";
import { Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";
import { tinyDelta } from "../support/tiny-base.ts";

/** Name → bytes of a tar archive of plain files. */
function unpack(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = (at: number, length: number) =>
    new TextDecoder().decode(archive.subarray(at, at + length)).split("\0")[0]!;
  for (let at = 0; archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    files.set(text(at, 100), archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

it("a delta is downloaded as the PEFT folder that was published", async () => {
  const api = new Api();
  await api.base("content-base");
  const key = await api.tenant("content-owner");
  const body = { model: "content-base", training_file: await api.dataset(key) };
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body });
  const { lease } = await new FakeTrainer(api).work("content");
  const { data } = await api.call<{ data: { id: string }[] }>("GET", "/v1/deltas", { key });
  const path = `/v1/deltas/${data[0]?.id}/content`;
  const { folder } = await tinyDelta(lease.base.digest, "content");
  const files = unpack(new Uint8Array(await (await api.send("GET", path, { key })).arrayBuffer()));
  expect([...files.keys()].sort()).toEqual([...folder.keys()].filter((name) => name !== "serving.safetensors").sort());
  for (const [name, bytes] of files) expect(bytes).toEqual(folder.get(name));
  const stranger = await api.tenant("content-stranger");
  expect(await api.refusal("GET", path, { key: stranger })).toMatchObject({ status: 404, param: "delta_id" });
});

it("a delta of several methods is stored and downloaded with a folder for each", async () => {
  const api = new Api();
  await api.base("several-base");
  const key = await api.tenant("several-owner");
  const body = { model: "several-base", training_file: await api.dataset(key) };
  await api.call("POST", "/v1/fine_tuning/jobs", {
    key,
    body: { ...body, method: { type: "supervised", supervised: { peft: { type: "mam" } } } },
  });
  const methods = ["prefix", "bottleneck"];
  const { lease } = await new FakeTrainer(api).work("several", methods);
  expect(settingsOf(lease.method).peft).toMatchObject({ type: "mam", adapter: { config: "par_bn" } });
  const { data } = await api.call<{ data: { id: string; methods: string[] }[] }>("GET", "/v1/deltas", { key });
  expect(data[0]).toMatchObject({ methods });
  const archive = await (await api.send("GET", `/v1/deltas/${data[0]?.id}/content`, { key })).arrayBuffer();
  const files = unpack(new Uint8Array(archive));
  expect([...files.keys()].sort()).toEqual([
    "0-prefix/adapter_config.json",
    "0-prefix/adapter_model.safetensors",
    "1-bottleneck/adapter.safetensors",
    "1-bottleneck/adapter_config.json",
    "manifest.json",
  ]);
  const { folder } = await tinyDelta(lease.base.digest, "several", methods);
  for (const [name, bytes] of files) expect(bytes).toEqual(folder.get(name));
});

it("deltas are listed, described and deleted with their models", async () => {
  const api = new Api();
  await api.base("delta-base");
  const key = await api.tenant("delta-owner");
  const file = await api.dataset(key);
  const trainer = new FakeTrainer(api);
  const models: string[] = [];
  for (const note of ["one", "two"]) {
    await api.call("POST", "/v1/fine_tuning/jobs", { key, body: { model: "delta-base", training_file: file } });
    models.push((await trainer.work(note)).model);
  }
  const page = await api.call<{ data: { id: string; models: string[] }[] }>("GET", "/v1/deltas?limit=1", { key });
  expect(page).toMatchObject({
    has_more: true,
    data: [
      {
        object: "delta",
        model: "delta-base",
        methods: ["lora"],
        trainable_parameters: 4,
        metrics: {},
        parents: [],
        models: [models[1]],
      },
    ],
  });
  const [newest] = page.data;
  const path = `/v1/deltas/${newest?.id}`;
  expect(await api.call("GET", path, { key })).toEqual(newest);
  expect(await api.call("DELETE", path, { key })).toEqual({ id: newest?.id, object: "delta", deleted: true });
  expect(await api.refusal("GET", path, { key })).toMatchObject({ status: 404, param: "delta_id" });
  expect(await api.refusal("GET", `/v1/models/${encodeURIComponent(models[1] ?? "")}`, { key })).toMatchObject({
    status: 404,
  });
  expect(await api.call("GET", "/v1/deltas", { key })).toMatchObject({
    has_more: false,
    data: [{ models: [models[0]] }],
  });
});
