import { describe, expect, test } from "vitest";
import { CreateJobQuery, JobValidation, validatedFile } from "../../../shared/api/job-validation.ts";
import { TrimtabError } from "../../../shared/errors.ts";

describe("CreateJobQuery", () => {
  test.each([{}, { validate: "" }, { validate: "true" }, { validate: "false", examples: "20" }])("%j", (query) => {
    expect(CreateJobQuery.safeParse(query).success).toBe(true);
  });
  test.each([{ validate: "yes" }, { examples: "21" }, { examples: "-1" }, { other: "1" }])("not %j", (query) => {
    expect(CreateJobQuery.safeParse(query).success).toBe(false);
  });
});

test("a dry run as the API shows it", () => {
  const counts = {
    kept: 1,
    truncated: 0,
    dropped: 1,
    droppedFor: { nothing_to_learn: 1, reply_beyond_limit: 0, refused_by_template: 0, not_served: 0 },
    tokens: 5,
    trainedTokens: 2,
    sequences: 1,
    turns: { cut: 1 },
  };
  const segments = [{ text: "A", trained: true, tokens: [7] }];
  const shown = validatedFile(
    {
      lines: 2,
      complete: true,
      counts,
      notes: ["note"],
      error: new TrimtabError("invalid_dataset", "what to change"),
      examples: [
        {
          line: 1,
          dropped: undefined,
          findings: [{ kind: "cut", message: 1, detail: "detail" }],
          sequences: [{ tokens: 5, trainedTokens: 2, truncated: false, segments }],
        },
        { line: 2, dropped: { reason: "nothing_to_learn", detail: "why" }, findings: [], sequences: [] },
      ],
    },
    { file: "file-1", param: "training_file", maxLength: 99 },
  );
  expect(shown).toMatchObject({
    file: "file-1",
    max_length: 99,
    trained_tokens: 2,
    dropped_for: { nothing_to_learn: 1 },
    turns: { cut: 1 },
    error: { code: "invalid_dataset", message: "what to change", param: "training_file" },
    examples: [
      { line: 1, dropped: null, notes: ["message 2: detail"], sequences: [{ trained_tokens: 2, segments }] },
      { line: 2, dropped: "why", notes: [], sequences: [] },
    ],
  });
  const reply = {
    object: "fine_tuning.job.validation",
    model: "m",
    valid: false,
    training_file: shown,
    validation_file: null,
  };
  expect(JobValidation.parse(reply)).toEqual(reply);
});
