import { expect, it } from "vitest";
import { importedJob } from "../../../../infra/cli/import/openai-job-request.ts";

const SETTINGS = { model: "trimtab-base" };
/** As OpenAI's API reference shows a finished job. */
const OPENAI_JOB = {
  ...{ object: "fine_tuning.job", id: "ftjob-abc123", model: "gpt-4o-mini-2024-07-18", created_at: 1_721_764_800 },
  ...{ finished_at: 1_721_764_900, fine_tuned_model: "ft:gpt-4o-mini-2024-07-18:acme:my sailor:8q", seed: 683_058_546 },
  ...{ organization_id: "org-1", result_files: ["file-r"], status: "succeeded", estimated_finish: null, error: null },
  ...{ training_file: "file-abc123", validation_file: null, trained_tokens: 5768, integrations: [], metadata: null },
  hyperparameters: { n_epochs: 3, batch_size: 1, learning_rate_multiplier: 1.8 },
  method: {
    type: "supervised",
    supervised: { hyperparameters: { n_epochs: 3, batch_size: 1, learning_rate_multiplier: 1.8 } },
  },
};

it("carries over what a supervised job was", () => {
  const { request, files, notes } = importedJob(OPENAI_JOB, "job.json", SETTINGS);
  expect(files).toEqual({ training_file: "file-abc123" });
  expect(request).toEqual({
    ...{ model: "trimtab-base", suffix: "my-sailor", seed: 683_058_546, metadata: { openai_job: "ftjob-abc123" } },
    method: { type: "supervised", supervised: { hyperparameters: OPENAI_JOB.hyperparameters } },
  });
  expect(notes).toEqual([
    expect.stringContaining("gpt-4o-mini-2024-07-18 is trained as trimtab-base"),
    'The suffix "my sailor" becomes "my-sailor".',
    expect.stringContaining("learning_rate_multiplier 1.8 multiplies this server's own rate"),
  ]);
});

it("reads jobs from before there was a method", () => {
  const { method: _, ...old } = { ...OPENAI_JOB, user_provided_suffix: "kept", validation_file: "file-v" };
  const { request, files } = importedJob(old, "job.json", SETTINGS);
  expect(request).toMatchObject({ suffix: "kept", method: { type: "supervised" } });
  expect(files).toEqual({ training_file: "file-abc123", validation_file: "file-v" });
});

it("keeps the beta of a dpo job, and says which integrations are left out", () => {
  const method = { type: "dpo", dpo: { hyperparameters: { beta: 0.2, n_epochs: "auto", batch_size: null } } };
  const { request, notes } = importedJob(
    { ...OPENAI_JOB, hyperparameters: null, method, integrations: [{ type: "wandb", wandb: { project: "p" } }] },
    "job.json",
    SETTINGS,
  );
  expect(request.method).toEqual({ type: "dpo", dpo: { hyperparameters: { beta: 0.2, n_epochs: "auto" } } });
  expect(notes.at(-1)).toContain("The integration wandb is left out");
});

const judge = {
  ...{ type: "score_model", name: "quality", model: "gpt-4o", range: [0, 1] },
  input: [{ role: "user", content: "Rate {{sample.output_text}}" }],
};
const exact = {
  type: "string_check",
  name: "exact",
  operation: "eq",
  input: "{{sample.output_text}}",
  reference: "{{item.a}}",
};

it.each([
  ["alone", judge, { type: "score_model", model: "my-judge" }],
  [
    "among others",
    { type: "multi", name: "m", graders: { q: judge, e: exact }, calculate_output: "q + e" },
    { graders: { q: { model: "my-judge" }, e: exact } },
  ],
])("replaces the models that a grader asks, %s", (_, grader, expected) => {
  const hyperparameters = { n_epochs: 1, reasoning_effort: "medium", eval_samples: 4 };
  const job = {
    ...OPENAI_JOB,
    hyperparameters: null,
    method: { type: "reinforcement", reinforcement: { grader, hyperparameters } },
  };
  const { request, notes } = importedJob(job, "job.json", { ...SETTINGS, judge: "my-judge" });
  expect(request.method).toMatchObject({
    reinforcement: { grader: expected, hyperparameters: { n_epochs: 1, eval_samples: 4 } },
  });
  expect(notes.join("\n")).toContain('The grader "quality" asks my-judge instead of "gpt-4o".');
  expect(notes.join("\n")).toContain('reasoning_effort "medium" is left out');
  expect(() => importedJob(job, "job.json", SETTINGS)).toThrow('asks "gpt-4o". Say with --judge');
});

it.each([
  ["a list", { object: "list", data: [] }, "job.json is a list"],
  ["something else", { object: "file", id: "f" }, "job.json is not the JSON of a fine-tuning job"],
  ["text", "x", "job.json is not the JSON of a fine-tuning job"],
  ["a method that does not exist", { ...OPENAI_JOB, method: { type: "magic" } }, 'The job\'s method is "magic"'],
  [
    "numbers out of range",
    { ...OPENAI_JOB, method: null, hyperparameters: { n_epochs: 99 } },
    "job.json: method.supervised.hyperparameters.n_epochs",
  ],
])("refuses %s", (_, value, message) => {
  expect(() => importedJob(value, "job.json", SETTINGS)).toThrow(message);
});
