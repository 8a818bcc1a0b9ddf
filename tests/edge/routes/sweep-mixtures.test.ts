/** Sweeps that compare what is trained on: files alone and mixtures of them, over the whole Worker. */
import { beforeAll, expect, it } from "vitest";
import type { JobValidation } from "../../../shared/api/job-validation.ts";
import type { Job } from "../../../shared/api/jobs.ts";
import type { SweepReport } from "../../../shared/api/sweep-report.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { Api, CHAT_LINES } from "../support/api.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const model = "mixing-base";
const path = "/v1/fine_tuning/jobs";
let key: string;
let translate: string;
let summarize: string;
let held: readonly string[];

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("mixer");
  translate = await api.dataset(key, [...CHAT_LINES, ...CHAT_LINES]);
  summarize = await api.dataset(key);
  held = [await api.dataset(key), await api.dataset(key)];
});

const body = (values: readonly unknown[], fields: object = {}) => ({
  ...{ model, training_file: translate, validation_file: held, seed: 7 },
  method: {
    type: "sweep",
    sweep: { method: { type: "supervised" }, keep: "all", axes: [{ path: "training_file", values }] },
  },
  ...fields,
});
const get = (id: string) => api.call<Job>("GET", `${path}/${id}`, { key });

async function lease(): Promise<Lease> {
  const found = await trainer.lease();
  if (found === undefined) throw new Error("nothing to lease");
  return found;
}

/** Ends a trial's job as a trainer does that measures two files, with what was learned of each. */
async function complete(taken: Lease, [translated, summarized]: readonly [number, number]): Promise<void> {
  const result = await trainer.artefacts(taken, taken.job);
  const metrics = {
    ...{ base_loss: 3, tuned_loss: (translated + summarized) / 2 },
    ...{ "valid_loss/translate.jsonl": translated, "valid_loss/summarize.jsonl": summarized },
  };
  const body = { result, metrics, trained_tokens: 10 };
  await api.call("POST", `/v1/trainer/jobs/${taken.job}/complete`, trainer.held(taken, body));
}

async function ended(id: string): Promise<Job> {
  for (let tries = 0; tries < 200; tries++) {
    const job = await get(id);
    if (job.finished_at !== null) return job;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`still ${JSON.stringify(await get(id))}`);
}

/** The cells of the first table that has a row of this header. */
function tableOf(html: string, header: string): string[][] {
  const table = html.split("<table>").find((text) => text.includes(`<th scope="col">${header}</th>`))!;
  const cells = (row: string) => [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/g)].map(([, text]) => text!);
  return table.slice(0, table.indexOf("</table>")).split("<tr>").slice(1).map(cells);
}

it("compares each task alone with both together, file by file, from one call", async () => {
  const mixed = [translate, { id: summarize, weight: 2 }];
  const values = [translate, summarize, mixed];
  const dry = await api.call<JobValidation>("POST", `${path}?validate=true`, { key, body: body(values) });
  expect(dry.valid).toBe(true);
  expect(dry.stages!.map(({ name, training_file: { file, lines } }) => [name, file, lines])).toEqual([
    ["trial 1", translate, 4],
    ["trial 2", summarize, 2],
    ["trial 3", translate, 4],
  ]);

  const made = await api.call<Job>("POST", path, { key, body: body(values) });
  const files = { training_file: translate, validation_file: held[0], validation_files: held };
  expect(made).toMatchObject(files);
  const alone = [await lease(), await lease()];
  const both = await lease();
  expect(alone.map(({ training_file: { id } }) => id)).toEqual([translate, summarize]);
  for (const { mixture } of alone) expect(mixture).toBeUndefined();
  expect(both.mixture).toMatchObject({
    ...{ temperature: 1, strategy: "shuffle" },
    files: [
      { file: { id: translate, lines: 4 }, weight: 1 },
      { file: { id: summarize, lines: 2 }, weight: 2 },
    ],
  });
  for (const taken of [...alone, both]) {
    expect(taken.seed).toBe(7);
    expect(taken.validation_files!.map(({ id }) => id)).toEqual(held);
    const { status } = await trainer.read(taken, taken.validation_files![1]!.path);
    expect(status).toBe(200);
  }
  expect(await get(both.job)).toMatchObject({
    ...files,
    training_files: [
      { id: translate, weight: 1 },
      { id: summarize, weight: 2 },
    ],
    sweep: { job: made.id, trial: 3 },
  });
  expect(await api.refusal("DELETE", `/v1/files/${summarize}`, { key })).toMatchObject({ status: 409 });
  expect(await api.refusal("DELETE", `/v1/files/${held[1]}`, { key })).toMatchObject({ status: 409 });

  await complete(alone[0]!, [1, 2.5]);
  await complete(alone[1]!, [2.75, 0.5]);
  await complete(both, [1.25, 0.75]);
  const job = await ended(made.id);
  expect(job).toMatchObject({ status: "succeeded", best: { trial: 3, value: 1 } });
  expect(job.trials!.map(({ metrics }) => metrics!["valid_loss/summarize.jsonl"])).toEqual([2.5, 0.5, 0.75]);

  const report = await api.call<SweepReport>("GET", `${path}/${made.id}/report`, { key });
  expect(report).toMatchObject({ validation_file: held[0], validation_files: held });
  expect(report.axes[0]!.groups[0]).toEqual({ value: mixed, trials: 1, best: 1, mean: 1 });
  const page = await api.send("GET", `${path}/${made.id}/report`, { key, headers: { accept: "text/html" } });
  const [head, ...rows] = tableOf(await page.text(), "training_file");
  const column = (name: string) => rows.map((row) => row[head!.indexOf(name)]);
  expect(column("training_file")).toEqual([
    translate,
    summarize,
    `${translate.slice(0, 11)}… + 2 × ${summarize.slice(0, 11)}…`,
  ]);
  expect(column("valid_loss/translate.jsonl")).toEqual(["1.000", "2.750", "1.250"]);
  expect(column("valid_loss/summarize.jsonl")).toEqual(["2.500", "0.500", "0.750"]);
});

it("compares by one file's loss where the sweep says so", async () => {
  const request = body([translate, [translate, summarize]]);
  const sweep = { ...request.method.sweep, metric: "valid_loss/summarize.jsonl" };
  const made = await api.call<Job>("POST", path, { key, body: { ...request, method: { type: "sweep", sweep } } });
  await complete(await lease(), [0.5, 2]);
  await complete(await lease(), [1, 1.5]);
  expect(await ended(made.id)).toMatchObject({ best: { trial: 2, value: 1.5 } });
});

it("takes a temperature where every trial has a list, of one file too", async () => {
  const mixture = { temperature: 2, strategy: "spread" };
  const lists = body([[translate], [translate, summarize]], { training_file: [translate], mixture });
  const made = await api.call<Job>("POST", path, { key, body: lists });
  for (const files of [1, 2]) {
    const taken = await lease();
    expect(taken.mixture).toMatchObject(mixture);
    expect(taken.mixture!.files).toHaveLength(files);
    await complete(taken, [1, files]);
  }
  expect(await ended(made.id)).toMatchObject({ status: "succeeded" });
  const single = body([[translate, summarize], translate], { training_file: [translate], mixture });
  expect(await api.refusal("POST", path, { key, body: single })).toMatchObject({
    param: "mixture",
    message: expect.stringContaining("Trial 2"),
  });
});

it("names the axis, its value and the trial of a mixture that is refused", async () => {
  for (const [mixed, says] of [
    [[translate, { id: summarize, weight: 0 }], "weight"],
    [[translate, { id: translate, weight: 2 }], "training_file[1]"],
    [[translate, "file-none"], "file-none"],
    [[], "must not be empty"],
  ] as const) {
    const refused = await api.refusal("POST", path, { key, body: body([summarize, mixed]) });
    expect(refused).toMatchObject({ status: expect.any(Number), param: "method.sweep.axes[0].values[1]" });
    expect(refused.message).toContain("Trial 2");
    expect(refused.message).toContain(says);
  }
});
