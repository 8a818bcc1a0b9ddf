import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Job } from "../../../shared/api/jobs.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { ADMIN_TOKEN, Api, storing, TRAINER_TOKEN } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const TRACING = `tracing.${"0".repeat(32)}.json`;

const api = new Api();
const trainer = new FakeTrainer(api, "blobs");
const state = new TextEncoder().encode("resume state");
let lease: Lease;
let key: string;

beforeAll(async () => {
  await api.base("blob-base");
  key = await api.tenant("blobber");
  const file = await api.dataset(key);
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body: { model: "blob-base", training_file: file } });
  lease = (await trainer.lease()) as Lease;
});

const path = (suffix: string) => `/v1/trainer/jobs/${lease.job}/${suffix}`;

async function put(suffix: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
  return api.send("PUT", path(suffix), {
    key: TRAINER_TOKEN,
    body,
    headers: { ...(await storing(lease, body)), ...headers },
  });
}

describe("reading", () => {
  it("gives every file of the base, with its digest", async () => {
    for (const { name, sha256, bytes, path } of lease.base.files) {
      const response = await trainer.read(lease, path);
      const body = await response.bytes();
      expect([name, body.byteLength, await sha256Hex(body)]).toEqual([name, bytes, sha256]);
      expect(response.headers.get("x-trimtab-sha256")).toBe(sha256);
    }
  });

  it("knows nothing else", async () => {
    for (const suffix of [
      "base/README.md",
      "base/..%2Fconfig.json",
      "files/file-x",
      "models/0/manifest.json",
      "checkpoints/1",
    ]) {
      expect((await trainer.read(lease, path(suffix))).status).toBe(404);
    }
  });

  it("breaks off where the stored bytes have rotted", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const config = lease.base.files.find(({ name }) => name === "config.json");
    const key =
      (await env.BLOBS.list({ prefix: "bases/blob-base/" })).objects.find((object) =>
        object.key.endsWith("/config.json"),
      )?.key ?? "";
    const sound = await (await env.BLOBS.get(key))?.arrayBuffer();
    await env.BLOBS.put(key, "x".repeat(sound?.byteLength ?? 0));
    const response = await trainer.read(lease, config?.path ?? "");
    await expect(response.bytes()).rejects.toThrow();
    await env.BLOBS.put(key, "of another length");
    const refused = await trainer.read(lease, config?.path ?? "");
    expect([refused.status, await refused.json()]).toMatchObject([500, { error: { code: "corrupt_blob" } }]);
    await env.BLOBS.put(key, sound ?? null);
    log.mockRestore();
  });
});

describe("storing a resume state", () => {
  it("makes it the newest, in place of the one before", async () => {
    expect(await (await put("checkpoints/1", state)).json()).toEqual({
      step: 1,
      bytes: state.byteLength,
      sha256: await sha256Hex(state),
    });
    expect((await put("checkpoints/2", state)).status).toBe(200);
    expect((await put("checkpoints/1", state)).status).toBe(409);
    const stored = async () => (await env.BLOBS.list({ prefix: `tenants/blobber/jobs/${lease.job}/resume/` })).objects;
    await expect.poll(stored).toHaveLength(1);
    expect(new TextDecoder().decode(await (await trainer.read(lease, path("checkpoints/2"))).bytes())).toBe(
      "resume state",
    );
  });

  it("keeps nothing of other bytes than those announced, and what was there stays", async () => {
    const wrong = await put("checkpoints/3", state, { "x-trimtab-sha256": "0".repeat(64) });
    expect(wrong.status).toBe(400);
    const short = await put("checkpoints/3", state, { "content-length": "x" });
    expect(short.status).toBe(400);
    const unsigned = await put("checkpoints/3", state, { "x-trimtab-sha256": "" });
    expect(await unsigned.json()).toMatchObject({ error: { param: "x-trimtab-sha256" } });
    expect((await trainer.read(lease, path("checkpoints/2"))).status).toBe(200);
    const stored = async () => (await env.BLOBS.list({ prefix: `tenants/blobber/jobs/${lease.job}/resume/` })).objects;
    await expect.poll(stored).toHaveLength(1);
  });
});

describe("keeping a file for the job's owner", () => {
  const text = (content: string) => new TextEncoder().encode(content);

  it("refuses names that are none, bytes other than those announced, and another trainer's lease", async () => {
    for (const name of ["..%2Freport", "Report.json", ".hidden", "a".repeat(65)]) {
      const response = await put(`kept/${name}`, text("x"));
      expect([response.status, await response.json()]).toMatchObject([400, { error: { param: "name" } }]);
    }
    expect((await put("kept/report.json", text("x"), { "x-trimtab-sha256": "0".repeat(64) })).status).toBe(400);
    expect((await put("kept/report.json", text("x"), { "x-trimtab-fence": "999" })).status).toBe(409);
  });

  it("shows the newest of a name among the job's result files once the job has ended", async () => {
    const file = await api.dataset(key);
    const body = { model: "blob-base", training_file: file };
    const { id } = await api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", { key, body });
    const own = (await trainer.lease())!;
    const keep = async (name: string, content: string) =>
      api.call("PUT", `/v1/trainer/jobs/${own.job}/kept/${name}`, {
        key: TRAINER_TOKEN,
        body: text(content),
        headers: await storing(own, text(content)),
      });
    await keep("report.json", "first");
    expect(await keep("report.json", "second")).toMatchObject({ name: "report.json", bytes: 6 });
    const shown = async () => (await api.call<Job>("GET", `/v1/fine_tuning/jobs/${id}`, { key })).result_files;
    expect(await shown()).toEqual([]);
    await api.call("POST", `/v1/trainer/jobs/${own.job}/fail`, {
      key: TRAINER_TOKEN,
      headers: await storing(own, text("")),
      body: { error: { code: "non_finite", message: "m", param: null } },
    });
    const [kept] = await shown();
    expect(await api.call("GET", `/v1/files/${kept}`, { key })).toMatchObject({
      filename: "report.json",
      purpose: "fine-tune-results",
    });
    expect(await (await api.send("GET", `/v1/files/${kept}/content`, { key })).text()).toBe("second");
  });
});

describe("files beside the base", () => {
  const text = (content: string) => new TextEncoder().encode(content);

  it("are kept once, read by every job on the base, and deleted with it", async () => {
    await api.base("beside");
    const owners = [await api.tenant("beside-one"), await api.tenant("beside-other")];
    const leases: Lease[] = [];
    for (const owner of owners) {
      const file = await api.dataset(owner);
      await api.call("POST", "/v1/fine_tuning/jobs", { key: owner, body: { model: "beside", training_file: file } });
      leases.push((await trainer.lease())!);
    }
    const [first, second] = leases as [Lease, Lease];
    const place = (held: Lease, name = TRACING) => `/v1/trainer/jobs/${held.job}/base_artefacts/${name}`;
    const store = async (held: Lease, content: string, name?: string) =>
      api.send("PUT", place(held, name), {
        key: TRAINER_TOKEN,
        body: text(content),
        headers: await storing(held, text(content)),
      });
    const missing = await trainer.read(first, place(first));
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { param: "name" } }]);
    expect(await (await store(first, "one")).json()).toEqual({ name: TRACING, bytes: 3, created: true });
    expect(await (await store(second, "two")).json()).toMatchObject({ created: false });
    expect(await (await trainer.read(second, place(second))).text()).toBe("one");
    const statistics = `key-statistics.${"a".repeat(64)}.safetensors`;
    expect(await (await store(second, "x", statistics)).json()).toMatchObject({ created: true });
    for (const name of ["config.json", "key-statistics.json", "..%2Ftracing.json"]) {
      expect([(await store(first, "x", name)).status, (await trainer.read(first, place(first, name))).status]).toEqual([
        400, 400,
      ]);
    }
    const stale = { ...first, fence: first.fence + 100 };
    expect((await trainer.read(stale, place(first))).status).toBe(409);
    const wrong = await api.send("PUT", place(first, "tracing.0123456789abcdef.json"), {
      key: TRAINER_TOKEN,
      body: text("x"),
      headers: { ...(await storing(first, text("x"))), "x-trimtab-sha256": "0".repeat(64) },
    });
    expect(wrong.status).toBe(400);
    const stored = async () => (await env.BLOBS.list({ prefix: "bases/beside/" })).objects;
    const names = async () => (await stored()).map(({ key }) => key.split("/").at(-1));
    expect(await names()).toEqual(expect.arrayContaining([TRACING, statistics]));
    for (const [index, { job }] of leases.entries()) {
      await api.call("POST", `/v1/fine_tuning/jobs/${job}/cancel`, { key: owners[index]! });
    }
    await api.call("DELETE", "/v1/admin/models/beside", { key: ADMIN_TOKEN });
    await expect.poll(stored).toEqual([]);
  });
});

describe("storing an artefact", () => {
  const place = `artefacts/delta/${"a".repeat(64)}`;

  it("creates it once and never changes it", async () => {
    expect(await (await put(`${place}/manifest.json`, state)).json()).toEqual({
      name: "manifest.json",
      bytes: state.byteLength,
      created: true,
    });
    const other = new TextEncoder().encode("other");
    expect(await (await put(`${place}/manifest.json`, other)).json()).toMatchObject({ created: false });
    const stored = await env.BLOBS.get(`tenants/blobber/deltas/${"a".repeat(64)}/manifest.json`);
    expect(await stored?.text()).toBe("resume state");
  });

  it("keeps the folders of a delta of several methods", async () => {
    const name = "0-prefix/adapter_config.json";
    expect(await (await put(`${place}/${encodeURIComponent(name)}`, state)).json()).toMatchObject({
      name,
      created: true,
    });
    expect(await env.BLOBS.head(`tenants/blobber/deltas/${"a".repeat(64)}/${name}`)).not.toBeNull();
  });

  it.each([
    [`${place}/adapter_model.bin`, "name"],
    [`${place}/0-prefix%2F..%2Fmanifest.json`, "name"],
    [`${place}/0-prefix%2Fmanifest.json`, "name"],
    [`${place}/..%2Fmanifest.json`, "name"],
    [`${place}/model.safetensors`, "name"],
    ["artefacts/delta/short/manifest.json", "digest"],
    [`artefacts/other/${"a".repeat(64)}/manifest.json`, "kind"],
  ])("refuses %s", async (suffix, param) => {
    const response = await put(suffix, state);
    expect([response.status, ((await response.json()) as { error: { param: string } }).error.param]).toEqual([
      400,
      param,
    ]);
  });
});
