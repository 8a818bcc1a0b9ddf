import { describe, expect, it } from "vitest";
import { datasetSentence, requireDatasetKind } from "../../../shared/api/files.ts";

describe("the kind of a file that a job needs", () => {
  it("is one of those that it has; files from before kinds hold examples", () => {
    requireDatasetKind({ kinds: ["examples", "labelled_texts"] }, ["labelled_texts"], "training_file");
    requireDatasetKind(null, ["examples"], "training_file");
    requireDatasetKind({}, ["examples"], "training_file");
  });

  it("is the first of several that a job can use, and all are named where it is none of them", () => {
    const wanted = ["preference_pairs", "rankings", "ratings"] as const;
    expect(requireDatasetKind({ kinds: ["examples", "ratings", "rankings"] }, wanted, "training_file")).toBe(
      "rankings",
    );
    expect(() => requireDatasetKind({ kinds: ["examples"] }, wanted, "training_file")).toThrow(
      /needs pairs of a better and a worse answer, .*, or rankings, .*, or rated completions, /,
    );
  });

  it("is named where it is another", () => {
    const facts = {
      kinds: ["examples"],
      unfit: { labelled_texts: "line 2 of the file: label: must be a text" },
    } as const;
    expect(() =>
      requireDatasetKind({ ...facts, kinds: [...facts.kinds] }, ["labelled_texts"], "training_file"),
    ).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "training_file",
        message:
          '`training_file` holds examples to imitate, such as conversations, and the job needs texts with labels, such as {"text", "label"}. It is not of that kind because of this: line 2 of the file: label: must be a text.',
      }),
    );
    expect(() => requireDatasetKind(null, ["contrast_pairs"], "validation_file")).toThrow(
      expect.objectContaining({ param: "validation_file" }),
    );
  });
});

it("says in a sentence how a file was read", () => {
  const facts = {
    format: "csv",
    compression: "gzip",
    examples: 1,
    layouts: ["chat"],
    ignored_columns: ["id"],
  } as const;
  expect(datasetSentence({ ...facts, layouts: [...facts.layouts], ignored_columns: [...facts.ignored_columns] })).toBe(
    "Read as CSV, compressed with gzip, with 1 example (chat). Not trained on: id.",
  );
});
