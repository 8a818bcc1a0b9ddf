import { expect, test } from "vitest";
import { references, relatedTests } from "../../../infra/checks/related-tests.ts";

const FILES = references(
  new Map([
    ["shared/errors.ts", ""],
    ["shared/graph/op.ts", 'import { fail } from "../errors.ts";'],
    ["trainer/loop/train.ts", 'import type { Op } from "../../shared/graph/op.ts";\nimport { z } from "zod";'],
    ["tests/shared/errors.test.ts", 'import "../../shared/errors.ts";'],
    ["tests/shared/graph/op.test.ts", 'import "../../../shared/graph/op.ts";'],
    ["tests/trainer/loop/train.test.ts", 'const TRAIN = join(import.meta.dirname, "../../../trainer/loop/train.ts");'],
    ["tests/support/golden.ts", 'export const read = new URL("../golden/peft/", import.meta.url);'],
    ["tests/contract/peft.test.ts", 'import { read } from "../support/golden.ts";'],
    ["tests/contract/text.test.ts", 'import text from "../golden/text.jinja?raw";'],
    ["tests/contract/globbed.test.ts", 'import.meta.glob("../golden/llama/*/config.json");'],
  ]),
);

test("a reference is what a file imports, reads or starts by a relative path", () => {
  expect(FILES.get("trainer/loop/train.ts")).toEqual(["shared/graph/op.ts"]);
  expect(FILES.get("tests/trainer/loop/train.test.ts")).toEqual(["trainer/loop/train.ts"]);
  expect(FILES.get("tests/support/golden.ts")).toEqual(["tests/golden/peft"]);
  expect(FILES.get("tests/contract/text.test.ts")).toEqual(["tests/golden/text.jinja"]);
  expect(FILES.get("tests/contract/globbed.test.ts")).toEqual(["tests/golden/llama"]);
});

test("the twin is near, and the others follow by their distance", () => {
  expect(relatedTests(["shared/errors.ts"], FILES)).toEqual({
    near: ["tests/shared/errors.test.ts"],
    far: ["tests/shared/graph/op.test.ts", "tests/trainer/loop/train.test.ts"],
  });
});

test("a changed test is near", () => {
  expect(relatedTests(["tests/contract/peft.test.ts"], FILES)).toEqual({
    near: ["tests/contract/peft.test.ts"],
    far: [],
  });
});

test.each([
  ["tests/support/golden.ts", "tests/contract/peft.test.ts"],
  ["tests/golden/peft/lora/golden.json", "tests/contract/peft.test.ts"],
  ["tests/golden/text.jinja", "tests/contract/text.test.ts"],
  ["tests/golden/llama/plain/config.json", "tests/contract/globbed.test.ts"],
])("%s concerns %s", (changed, concerned) => {
  expect(relatedTests([changed], FILES)).toEqual({ near: [], far: [concerned] });
});

test("a deleted file concerns those that still name it", () => {
  const files = references(new Map([["tests/a.test.ts", 'import "../shared/gone.ts";']]));
  expect(relatedTests(["shared/gone.ts", "tests/gone.test.ts"], files)).toEqual({ near: [], far: ["tests/a.test.ts"] });
});

test("files that import one another are each reached once", () => {
  const files = references(
    new Map([
      ["shared/a.ts", 'import "./b.ts";'],
      ["shared/b.ts", 'import "./a.ts";'],
      ["tests/shared/b.test.ts", 'import "../../shared/b.ts";\nimport "../../shared/a.ts";'],
    ]),
  );
  expect(relatedTests(["shared/a.ts"], files)).toEqual({ near: [], far: ["tests/shared/b.test.ts"] });
});
