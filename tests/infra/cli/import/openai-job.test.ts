import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { fakeApi, Refusal, runCli } from "../support/cli.ts";
import { job, page } from "../support/jobs.ts";

const OPENAI_JOB = {
  ...{ object: "fine_tuning.job", id: "ftjob-abc", model: "gpt-4o-mini", training_file: "file-t", seed: 1 },
  ...{ validation_file: "file-v", hyperparameters: { n_epochs: 2 } },
};
const file = (id: string) => ({
  ...{ id, object: "file", bytes: 1, created_at: 1, filename: "f", purpose: "fine-tune", status: "processed" },
  ...{ status_details: null, expires_at: null, dataset: null },
});

function folder(files: Readonly<Record<string, string>>): string {
  const made = mkdtempSync(join(tmpdir(), "trimtab-import-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(made, name), text);
  return made;
}

const whole = () =>
  folder({ "job.json": JSON.stringify(OPENAI_JOB), "file-t.jsonl": "training", "file-v": "validation" });

it("uploads the files that lie beside the job, and creates it", async () => {
  const { env, seen } = await fakeApi({
    "POST /v1/files": [file("file-1"), file("file-2")],
    "POST /v1/fine_tuning/jobs": [job()],
    "GET /v1/fine_tuning/jobs/ftjob-1": [job({ status: "succeeded" })],
    "GET /v1/fine_tuning/jobs/ftjob-1/events?limit=100": [page([])],
  });
  const { out, status } = await runCli(["import", "openai-job", join(whole(), "job.json"), "--watch"], { env });
  expect([status, out]).toEqual([0, expect.stringMatching(/\nCreated ftjob-1\.\nftjob-1 succeeded\n$/)]);
  expect(seen.slice(0, 2).map(({ body }) => /training|validation/.exec(body)?.[0])).toEqual(["training", "validation"]);
  expect(JSON.parse(seen[2]!.body)).toMatchObject({
    ...{ model: "trimtab-base", training_file: "file-1", validation_file: "file-2", seed: 1 },
    method: { supervised: { hyperparameters: { n_epochs: 2 } } },
  });
});

it("keeps nothing of a job that the server refuses", async () => {
  const gone = (id: string) => ({ id, object: "file", deleted: true });
  const { env, seen } = await fakeApi({
    "POST /v1/files": [file("file-1"), file("file-2")],
    "POST /v1/fine_tuning/jobs": [new Refusal("There is no trimtab-base.")],
    "DELETE /v1/files/file-1": [gone("file-1")],
    "DELETE /v1/files/file-2": [gone("file-2")],
  });
  const { failed, status } = await runCli(["import", "openai-job", join(whole(), "job.json")], { env });
  expect([failed, status]).toEqual(["There is no trimtab-base.\n", 2]);
  expect(seen.slice(3).map(({ line }) => line)).toEqual(["DELETE /v1/files/file-1", "DELETE /v1/files/file-2"]);
});

it("shows the request without a server", async () => {
  const path = folder({ "job.json": JSON.stringify(OPENAI_JOB), "t.jsonl": "", "v.jsonl": "" });
  const at = (name: string) => join(path, name);
  const words = ["import", "openai-job", at("job.json"), "--dry-run", "--json"];
  const given = ["--file", `file-t=${at("t.jsonl")}`, "--file", `file-v=${at("v.jsonl")}`];
  expect(JSON.parse((await runCli([...words, ...given])).out)).toMatchObject({
    request: { training_file: at("t.jsonl"), validation_file: at("v.jsonl"), metadata: { openai_job: "ftjob-abc" } },
    notes: [expect.stringContaining("gpt-4o-mini is trained as trimtab-base")],
  });
  const missing = await runCli(words);
  expect(missing.status).toBe(2);
  expect(JSON.parse(missing.failed).error.message).toContain("The file file-t is not at");
});

it.each([
  ["a file that is not there", "none.json", "cannot be read"],
  ["a file that is not JSON", "broken.json", "is not valid JSON"],
])("refuses %s", async (_, name, message) => {
  const { failed, status } = await runCli(["import", "openai-job", join(folder({ "broken.json": "{" }), name)]);
  expect([status, failed]).toEqual([2, expect.stringContaining(message)]);
});

it("reads JSON behind a byte order mark, as PowerShell writes it", async () => {
  const path = folder({ "job.json": `\uFEFF${JSON.stringify(OPENAI_JOB)}`, "file-t": "", "file-v": "" });
  expect(await runCli(["import", "openai-job", join(path, "job.json"), "--dry-run"])).toMatchObject({ status: 0 });
});
