import { runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { Database } from "../../../edge/objects/database.ts";
import { addResultFiles } from "../../../edge/objects/tenant/result-files.ts";
import { REPORT_HTML, REPORT_JSON } from "../../../shared/api/job-report.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { Api } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const JOBS = "/v1/fine_tuning/jobs";
const JSON_TEXT = '{"object":"fine_tuning.job.report"}\n';
const HTML_TEXT = "<!doctype html><title>Report</title>";
let key: string;
let stranger: string;
let job: string;
let bare: string;
let training_file: string;

/** Shows a file as a result of the job, as the end of a job does with those that its trainer has kept. */
async function keep(tenant: string, jobId: string, files: Readonly<Record<string, string>>): Promise<void> {
  const stub = api.env.TENANT.get(api.env.TENANT.idFromName(tenant));
  const stored = await Promise.all(
    Object.entries(files).map(async ([filename, text]) => {
      const bytes = new TextEncoder().encode(text);
      const id = `file-${(await sha256Hex(new TextEncoder().encode(jobId + filename + text))).slice(0, 24)}`;
      await api.env.BLOBS.put(id, bytes);
      return { id, blob: id, filename, bytes: bytes.length, sha256: await sha256Hex(bytes) };
    }),
  );
  await runInDurableObject(stub, (_, state) => addResultFiles(new Database(state.storage), jobId, stored, 1_000));
}

const create = async () => {
  const { id } = await api.call<{ id: string }>("POST", JOBS, { key, body: { model: "report-base", training_file } });
  return id;
};

beforeAll(async () => {
  await api.base("report-base");
  key = await api.tenant("reporting");
  stranger = await api.tenant("reporting-stranger");
  training_file = await api.dataset(key);
  job = await create();
  await trainer.work("reported");
  bare = await create();
  await trainer.work("bare");
  await keep("reporting", job, { [REPORT_JSON]: "old", [REPORT_HTML]: "old" });
  await keep("reporting", job, { [REPORT_JSON]: JSON_TEXT, [REPORT_HTML]: HTML_TEXT });
});

describe("a job's report", () => {
  it.each([
    ["application/json", "application/json", JSON_TEXT],
    ["*/*", "application/json", JSON_TEXT],
    ["text/html", "text/html; charset=utf-8", HTML_TEXT],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8", HTML_TEXT],
    ["text/html;q=0.3, application/json", "application/json", JSON_TEXT],
  ])("for %s is the newest of %s", async (accept, type, text) => {
    const reply = await api.send("GET", `${JOBS}/${job}/report`, { key, headers: { accept } });
    expect([reply.status, reply.headers.get("content-type"), await reply.text()]).toEqual([200, type, text]);
    expect(reply.headers.get("vary")).toMatch(/accept/i);
    expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it("is JSON where nothing is asked for", async () => {
    expect(await api.call("GET", `${JOBS}/${job}/report`, { key })).toEqual({ object: "fine_tuning.job.report" });
  });

  it("may load nothing, run nothing and stand in no other page", async () => {
    const reply = await api.send("GET", `${JOBS}/${job}/report`, { key, headers: { accept: "text/html" } });
    const policy = reply.headers.get("content-security-policy") ?? "";
    await reply.text();
    const rules = policy.split("; ");
    expect(rules).toEqual(expect.arrayContaining(["default-src 'none'", "sandbox", "frame-ancestors 'none'"]));
    expect(policy).not.toContain("script-src");
    expect(reply.headers.get("cache-control")).toBe("private, no-store");
  });

  it("is not found, with the reason, before the job has ended, where it was cancelled, and where it has none", async () => {
    const running = await create();
    const refusal = (id: string, by = key) => api.refusal("GET", `${JOBS}/${id}/report`, { key: by });
    expect(await refusal(running)).toMatchObject({
      ...{ status: 404, code: "not_found", param: "fine_tuning_job_id" },
      message: expect.stringContaining("is made when it succeeds"),
    });
    await api.call("POST", `${JOBS}/${running}/cancel`, { key });
    expect(await refusal(running)).toMatchObject({ status: 404, message: expect.stringContaining("(cancelled)") });
    expect(await refusal(bare)).toMatchObject({
      status: 404,
      message: expect.stringContaining("supervised has no report"),
    });
    expect(await refusal("ftjob-nothing")).toMatchObject({ status: 404 });
    expect(await refusal(job, stranger)).toMatchObject({ status: 404 });
  });

  it("is not found once its file was deleted", async () => {
    const again = await create();
    await trainer.work("deleted");
    await keep("reporting", again, { [REPORT_JSON]: JSON_TEXT });
    const { result_files: files } = await api.call<{ result_files: string[] }>("GET", `${JOBS}/${again}`, { key });
    for (const file of files) await api.call("DELETE", `/v1/files/${file}`, { key });
    expect(await api.refusal("GET", `${JOBS}/${again}/report`, { key })).toMatchObject({ status: 404 });
  });

  it("takes no query", async () => {
    expect(await api.refusal("GET", `${JOBS}/${job}/report?format=html`, { key })).toMatchObject({ status: 400 });
  });
});
