import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ApiClient } from "../../../infra/start/api-client.ts";
import { cancelLeftOver, findTrained, progressOf, resultOf } from "../../../infra/start/demo-job.ts";
import type { Job } from "../../../shared/api/jobs.ts";
import { settingsOf } from "../../support/peft.ts";

const JOB: Job = {
  id: "ftjob-1",
  object: "fine_tuning.job",
  model: "base",
  created_at: 0,
  finished_at: 1,
  fine_tuned_model: "ft:base:demo::1",
  organization_id: "demo",
  result_files: [],
  status: "succeeded",
  training_file: "file-1",
  validation_file: "file-2",
  hyperparameters: {},
  method: {
    type: "supervised",
    supervised: {
      hyperparameters: { n_epochs: "auto", batch_size: "auto", learning_rate_multiplier: "auto" },
      peft: settingsOf({ type: "lora" }),
    },
  },
  executor: null,
  trained_tokens: 500,
  seed: 1,
  suffix: null,
  estimated_finish: null,
  integrations: [],
  metadata: null,
  error: null,
};

test("finds the newest model of the demo that is still there, with the losses of its job", async () => {
  const metadata = { started_by: "npm start" };
  const jobs: Job[] = [
    { ...JOB, id: "ftjob-theirs", fine_tuned_model: "ft:base:demo::theirs" },
    { ...JOB, id: "ftjob-deleted", fine_tuned_model: "ft:base:demo::deleted", metadata },
    { ...JOB, id: "ftjob-failed", status: "failed", fine_tuned_model: null, metadata },
    { ...JOB, id: "ftjob-older", fine_tuned_model: "ft:base:demo::older", metadata },
  ];
  const losses = { base_loss: 4, tuned_loss: 1.5 };
  const event = {
    object: "fine_tuning.job.event",
    id: "e",
    created_at: 1,
    level: "info",
    message: "",
    type: "message",
  };
  const page = (data: readonly { id: string }[], hasMore = false) => ({
    object: "list",
    data,
    has_more: hasMore,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  });
  const context = { base_status: "available", context_length: 512, max_model_len: 512 };
  const model = { object: "model", created: 0, owned_by: "demo", root: "base", parent: "base", ...context };
  const serve = async (models: readonly string[]): Promise<ApiClient> => {
    const server = createServer((request, response) => {
      const path = request.url ?? "";
      const reply = path.startsWith("/v1/models")
        ? page(models.map((id) => ({ ...model, id })))
        : path.includes("/events")
          ? page([{ ...event, data: losses } as { id: string }])
          : path.includes("after=")
            ? page(jobs.slice(2))
            : page(jobs.slice(0, 2), true);
      response.end(JSON.stringify(reply));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return new ApiClient({ url, token: "key", retryForSeconds: 0 });
  };
  expect(await findTrained(await serve(["base", "ft:base:demo::theirs", "ft:base:demo::older"]))).toEqual({
    model: "ft:base:demo::older",
    trainedTokens: 500,
    tokensPerSecond: 0,
    baseLoss: 4,
    tunedLoss: 1.5,
  });
  expect(await findTrained(await serve(["base", "ft:base:demo::theirs"]))).toBeUndefined();
});

test("cancels the job of an interrupted demo, and nothing else", async () => {
  const metadata = { started_by: "npm start" };
  const data: Job[] = [
    { ...JOB, id: "ftjob-theirs", status: "queued" },
    { ...JOB, id: "ftjob-done", metadata },
    { ...JOB, id: "ftjob-left", status: "running", metadata },
    { ...JOB, id: "ftjob-ending", status: "running", metadata },
  ];
  const conflict = {
    error: { message: "It has ended.", type: "invalid_request_error", param: null, code: "conflict" },
  };
  const calls: string[] = [];
  const server = createServer((request, response) => {
    const call = `${request.method} ${request.url}`;
    calls.push(call);
    const list = { object: "list", data, has_more: false, first_id: null, last_id: null };
    const reply = call.startsWith("GET") ? list : call.includes("ending") ? conflict : { ...JOB, status: "cancelled" };
    response.writeHead(reply === conflict ? 409 : 200).end(JSON.stringify(reply));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const lines: string[] = [];
  await cancelLeftOver(new ApiClient({ url, token: "key", retryForSeconds: 0 }), (line) => lines.push(line));
  expect(calls).toEqual([
    "GET /v1/fine_tuning/jobs?limit=100",
    "POST /v1/fine_tuning/jobs/ftjob-left/cancel",
    "POST /v1/fine_tuning/jobs/ftjob-ending/cancel",
  ]);
  expect(lines).toEqual(["Cancelled the job of an interrupted run (ftjob-left)"]);
});

const REPORTED = [
  { at: 90, step: 0, total_steps: 5 },
  { at: 95, base_loss: 4 },
  { at: 100, step: 1, total_steps: 5, loss: 3, tokens_per_second: 10 },
  { at: 102, step: 2, total_steps: 5, loss: 2, tokens_per_second: 1000 },
  { at: 108, step: 3, total_steps: 5, loss: 1, tokens_per_second: 1100 },
  { at: 110, base_loss: 4, tuned_loss: 1.5 },
];

test("progress shows the last step and the median speed, and estimates the time left from the mean pace", () => {
  expect(progressOf(REPORTED.slice(0, 2), 100)).toBeUndefined();
  expect(progressOf(REPORTED.slice(0, 3), 100)).toMatchObject({ step: 1, secondsLeft: undefined });
  expect(progressOf(REPORTED, 109)).toEqual({
    step: 3,
    totalSteps: 5,
    loss: 1,
    tokensPerSecond: 1000,
    secondsLeft: 7,
  });
  expect(progressOf(REPORTED, 1000)).toMatchObject({ secondsLeft: 0 });
});

test("the result has the held-out loss before and after", () => {
  expect(resultOf(JOB, REPORTED)).toEqual({
    model: "ft:base:demo::1",
    trainedTokens: 500,
    tokensPerSecond: 1000,
    baseLoss: 4,
    tunedLoss: 1.5,
  });
  expect(() => resultOf(JOB, REPORTED.slice(0, 5))).toThrow("The job ftjob-1 reported no loss on its validation file.");
});

test("a job that did not succeed throws its own error", () => {
  const error = { code: "invalid_dataset", message: "Line 3 is broken.", param: "training_file" };
  expect(() => resultOf({ ...JOB, status: "failed", fine_tuned_model: null, error }, REPORTED)).toThrow(
    "Line 3 is broken.",
  );
  expect(() => resultOf({ ...JOB, status: "cancelled", fine_tuned_model: null }, REPORTED)).toThrow(
    "The job ftjob-1 was cancelled.",
  );
});
