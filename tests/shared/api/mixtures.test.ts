import { expect, it } from "vitest";
import { CreateJob, jobRequest } from "../../../shared/api/jobs.ts";
import { requireMixable } from "../../../shared/api/methods.ts";
import { requestError } from "../../../shared/api/parse.ts";

function request(fields: Record<string, unknown>) {
  const body = { model: "m", ...fields };
  const parsed = CreateJob.safeParse(body);
  if (!parsed.success) throw requestError(parsed.error, body);
  const { training_file, validation_file, mixture, validation_files } = jobRequest(parsed.data);
  return { training_file, validation_file, mixture, validation_files };
}

it("tells one file from several", () => {
  expect(request({ training_file: "a", validation_file: "b" })).toEqual({ training_file: "a", validation_file: "b" });
  expect(
    request({
      training_file: ["a", { id: "b", weight: 2, max_examples: 5 }, { id: "c" }],
      validation_file: ["d", "e"],
      mixture: { temperature: 2 },
    }),
  ).toEqual({
    training_file: "a",
    validation_file: "d",
    mixture: {
      files: [
        { id: "a", weight: 1 },
        { id: "b", weight: 2, max_examples: 5 },
        { id: "c", weight: 1 },
      ],
      ...{ temperature: 2, strategy: "shuffle" },
    },
    validation_files: ["d", "e"],
  });
});

it.each<[Record<string, unknown>, string]>([
  [{ training_file: [] }, "training_file"],
  [{ training_file: ["a", { id: "b", weight: 0 }] }, "training_file[1].weight"],
  [{ training_file: [{ id: "b", weight: -1 }] }, "training_file[0].weight"],
  [{ training_file: [{ id: "b", weight: Number.MAX_VALUE }] }, "training_file[0].weight"],
  [{ training_file: [{ id: "b", max_examples: 0.5 }] }, "training_file[0].max_examples"],
  [{ training_file: [{ weight: 1 }] }, "training_file[0].id"],
  [{ training_file: ["a", 5] }, "training_file[1]"],
  [{ training_file: [{ id: "b", wieght: 1 }] }, "training_file[0].wieght"],
  [{ training_file: ["a", "b", { id: "a" }] }, "training_file[2]"],
  [{ training_file: Array.from({ length: 33 }, (_, at) => `f${at}`) }, "training_file"],
  [{ training_file: "a", validation_file: ["b", "b"] }, "validation_file[1]"],
  [{ training_file: "a", validation_file: [] }, "validation_file"],
  [{ training_file: "a", mixture: {} }, "mixture"],
  [{ training_file: ["a"], mixture: { temperature: 0.5 } }, "mixture.temperature"],
  [{ training_file: ["a"], mixture: { strategy: "random" } }, "mixture.strategy"],
])("%j is refused by its field", (fields, param) => {
  expect(() => request(fields)).toThrow(expect.objectContaining({ code: "invalid_request", param }));
});

it("is refused by name where a type of job takes one file", () => {
  const several = request({ training_file: ["a", "b"] });
  for (const type of ["supervised", "dpo", "ipo", "orpo", "simpo", "kto"]) requireMixable({ type }, several);
  for (const type of ["classifier", "edit", "grpo", "pipeline"]) {
    requireMixable({ type }, request({ training_file: "a" }));
    expect(() => requireMixable({ type }, several)).toThrow(/`training_file` must be one file .*Jobs that take a list/);
  }
  expect(() =>
    requireMixable({ type: "reward_model" }, request({ training_file: "a", validation_file: ["b"] })),
  ).toThrow(expect.objectContaining({ param: "validation_file" }));
});
