import { beforeAll, describe, expect, it } from "vitest";
import type { JobValidation } from "../../../shared/api/job-validation.ts";
import { Api, CHAT_LINES } from "../support/api.ts";

const api = new Api();
const model = "tried-base";
const path = "/v1/fine_tuning/jobs";
let key: string;
let file: string;

beforeAll(async () => {
  await api.base(model);
  key = await api.tenant("trier");
  file = await api.dataset(key);
});

const tried = (fields: Record<string, unknown> = {}, query = "validate=true") =>
  api.call<JobValidation>("POST", `${path}?${query}`, { key, body: { model, training_file: file, ...fields } });

describe("a dry run of a job", () => {
  it.each(["validate=true", "validate"])("shows what is trained on, and creates nothing (%s)", async (query) => {
    const reply = await tried({}, query);
    expect(reply).toMatchObject({
      object: "fine_tuning.job.validation",
      model,
      valid: true,
      validation_file: null,
      training_file: {
        file,
        lines: 2,
        complete: true,
        kept: 2,
        dropped: 0,
        sequences: 2,
        max_length: 128,
        error: null,
      },
    });
    const [first] = reply.training_file.examples;
    expect(first!.sequences[0]!.segments.map(({ text, trained }) => [text, trained])).toEqual([
      ["<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", false],
      ["ahoy<|im_end|>", true],
      ["\n", false],
    ]);
    expect(first!.sequences[0]!.trained_tokens).toBe(first!.sequences[0]!.segments[1]!.tokens.length);
    expect(await api.call("GET", path, { key })).toMatchObject({ data: [] });
  });

  it("knows the job's limit, the validation file and how many examples to show", async () => {
    const other = await api.dataset(key, [...CHAT_LINES, { prompt: "a", completion: "b" }]);
    const method = { type: "supervised", supervised: { hyperparameters: { max_length: 50 } } };
    const reply = await tried({ validation_file: other, method }, "validate=true&examples=1");
    expect(reply.training_file).toMatchObject({ max_length: 50, examples: [expect.anything()] });
    expect(reply.validation_file).toMatchObject({ file: other, lines: 3, kept: 3 });
  });

  it("says what would end the job, and what would be left out", async () => {
    const unlearnt = { messages: [{ role: "user", content: "hi" }] };
    const one = await tried({ training_file: await api.dataset(key, [unlearnt, ...CHAT_LINES]) });
    expect(one).toMatchObject({ valid: true, training_file: { kept: 2, dropped: 1 } });
    expect(one.training_file.examples[0]).toMatchObject({
      line: 1,
      dropped: "it has no assistant message with weight 1",
    });
    const method = { type: "supervised", supervised: { hyperparameters: { max_length: 8 } } };
    const none = await tried({ method });
    expect(none).toMatchObject({
      valid: false,
      training_file: {
        error: { code: "invalid_dataset", param: "training_file", message: expect.stringContaining("max_length = 8") },
      },
    });
  });

  it("refuses what creating the job would refuse", async () => {
    const refused = (fields: Record<string, unknown>, query = "validate=true") =>
      api.refusal("POST", `${path}?${query}`, { key, body: { model, training_file: file, ...fields } });
    expect(await refused({ model: "nobody" })).toMatchObject({ status: 404, param: "model" });
    expect(await refused({ training_file: "file-nowhere" })).toMatchObject({ status: 404, param: "training_file" });
    expect(await refused({ validation_file: "file-nowhere" })).toMatchObject({ status: 404, param: "validation_file" });
    const method = { type: "supervised", supervised: { hyperparameters: { max_length: 9999 } } };
    expect(await refused({ method })).toMatchObject({ code: "invalid_request" });
    expect(await refused({}, "validate=perhaps")).toMatchObject({ param: "validate" });
    expect(await api.refusal("POST", `${path}?validate=true`, { body: { model, training_file: file } })).toMatchObject({
      status: 401,
    });
  });
});

describe("data with tools that the template does not show", () => {
  const tools = [{ type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } }];
  const message = "line 2: this model's chat template does not support tools; remove them";

  it.each(["training_file", "validation_file"] as const)("is refused before the job is created: %s", async (param) => {
    const bad = await api.dataset(key, [CHAT_LINES[0], { ...(CHAT_LINES[1] as object), tools }]);
    const body = { model, training_file: file, [param]: bad };
    const refusal = await api.refusal("POST", path, { key, body });
    expect(refusal).toMatchObject({ status: 400, code: "invalid_dataset", param, message });
    expect(await api.call("GET", path, { key })).toMatchObject({ data: [] });
    // The dry run says the same.
    const dry = await tried({ [param]: bad });
    expect(dry).toMatchObject({ valid: false, [param]: { error: { code: "invalid_dataset", param, message } } });
  });
});
