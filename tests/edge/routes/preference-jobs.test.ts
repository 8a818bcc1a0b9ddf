import { beforeAll, describe, expect, it } from "vitest";
import type { JobValidation } from "../../../shared/api/job-validation.ts";
import type { Lease } from "../../../shared/api/trainer.ts";
import { Api, datasetForm } from "../support/api.ts";
import { openai } from "../support/client.ts";
import { FakeTrainer } from "../support/fake-trainer.ts";

const api = new Api();
const trainer = new FakeTrainer(api);
const JOBS = "/v1/fine_tuning/jobs";
const model = "compared-base";
const user = (content: string) => ({ role: "user", content });
const reply = (content: string) => ({ role: "assistant", content });
const openAiPair = (better: string, worse: string) => ({
  input: { messages: [user("red")], tools: [], parallel_tool_calls: true },
  preferred_output: [reply(better)],
  non_preferred_output: [reply(worse)],
});
const PAIRS = [openAiPair("blue", "up"), openAiPair("green one", "down")];
let key: string;
let pairs: string;
let labelled: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("comparer");
  pairs = await api.dataset(key, PAIRS);
  labelled = await api.dataset(key, [
    { prompt: "red", completion: " blue", label: true },
    { prompt: "red", completion: " up", label: false },
  ]);
});

describe("a job on preferences", () => {
  it("is OpenAI's dpo, through the official SDK", async () => {
    const client = openai(api, key);
    const bytes = new TextEncoder().encode(PAIRS.map((pair) => JSON.stringify(pair)).join("\n"));
    const file = await client.files.create({ file: new File([bytes], "pairs.jsonl"), purpose: "fine-tune" });
    const job = await client.fineTuning.jobs.create({
      model,
      training_file: file.id,
      method: { type: "dpo", dpo: { hyperparameters: { beta: 0.1, n_epochs: 2, batch_size: "auto" } } },
    });
    expect(job).toMatchObject({ status: "queued", model, training_file: file.id });
    expect(job.method).toMatchObject({
      type: "dpo",
      dpo: { hyperparameters: { beta: 0.1, n_epochs: 2, batch_size: "auto", learning_rate_multiplier: "auto" } },
    });
    const lease = (await trainer.lease())! as Lease;
    expect(lease).toMatchObject({ job: job.id, method: { type: "dpo", dpo: { hyperparameters: { beta: 0.1 } } } });
    await client.fineTuning.jobs.cancel(job.id);
    const plain = await client.fineTuning.jobs.create({ model, training_file: pairs, method: { type: "dpo" } });
    expect(plain.method!.dpo!.hyperparameters).toMatchObject({ beta: "auto", n_epochs: "auto" });
    await client.fineTuning.jobs.cancel(plain.id);
  });

  it.each(["dpo", "ipo", "orpo", "simpo", "kto"])("of type %s is made, and tried out", async (type) => {
    const body = { model, training_file: type === "kto" ? labelled : pairs, method: { type } };
    const tried = await api.call<JobValidation>("POST", `${JOBS}?validate=true`, { key, body });
    expect(tried).toMatchObject({ valid: true, training_file: { lines: 2, kept: 2, error: null } });
    // Both answers of a pair are shown.
    expect(tried.training_file.examples[0]!.sequences).toHaveLength(type === "kto" ? 1 : 2);
    const { id, method } = await api.call<{ id: string; method: object }>("POST", JOBS, { key, body });
    expect(method).toMatchObject({ type, [type]: { hyperparameters: { beta: "auto" } } });
    await api.call("POST", `${JOBS}/${id}/cancel`, { key });
  });

  it("says which hyperparameter is wrong", async () => {
    for (const [type, hyperparameters, param] of [
      ["dpo", { beta: -1 }, "method.dpo.hyperparameters.beta"],
      ["dpo", { loss_type: "ipo" }, "method.dpo.hyperparameters.loss_type"],
      ["simpo", { label_smoothing: 0.5 }, "method.simpo.hyperparameters.label_smoothing"],
      ["kto", { batch_size: 1 }, "method.kto.hyperparameters.batch_size"],
    ] as const) {
      const body = { model, training_file: pairs, method: { type, [type]: { hyperparameters } } };
      expect(await api.refusal("POST", JOBS, { key, body })).toMatchObject({ status: 400, param });
    }
  });

  it("refuses files of another kind by name", async () => {
    const chats = await api.dataset(key);
    for (const [type, training_file, holds] of [
      ["dpo", chats, "pairs of a better and a worse answer"],
      ["dpo", labelled, "pairs of a better and a worse answer"],
      ["kto", pairs, "completions with a label of true or false"],
    ] as const) {
      const body = { model, training_file, method: { type } };
      expect(await api.refusal("POST", JOBS, { key, body })).toMatchObject({
        code: "invalid_request",
        param: "training_file",
        message: expect.stringContaining(holds),
      });
    }
    expect(await api.refusal("POST", JOBS, { key, body: { model, training_file: pairs } })).toMatchObject({
      param: "training_file",
    });
  });

  it.each([
    ["equal answers", openAiPair("blue", "blue"), "line 2 of", "non_preferred_output: is the same as preferred_output"],
    ["an empty answer", openAiPair("", "blue"), "line 2 of", "preferred_output: must not be empty"],
    [
      "two prompts",
      { chosen: [user("a"), reply("b")], rejected: [user("c"), reply("d")] },
      "line 2 of",
      "rejected: answers another prompt than chosen",
    ],
  ])("refuses %s at upload, with the line", async (_, line, place, message) => {
    const refusal = await api.refusal("POST", "/v1/files", { key, body: datasetForm([PAIRS[0]!, line]) });
    expect(refusal).toMatchObject({ code: "invalid_file", param: "file", message: expect.stringContaining(message) });
    expect(refusal.message).toContain(place);
  });

  it("refuses labelled completions of one label at upload", async () => {
    const body = datasetForm(["a", "b"].map((completion) => ({ prompt: "red", completion, label: true })));
    expect(await api.refusal("POST", "/v1/files", { key, body })).toMatchObject({
      code: "invalid_file",
      message: expect.stringContaining("has the label true; completions of both labels are needed"),
    });
  });
});
