import { expect, test } from "vitest";
import { missingTwins, twinOf } from "../../../infra/checks/twins.ts";

test("a test mirrors the path of its source", () => {
  expect(twinOf("shared/graph/ops.ts")).toBe("tests/shared/graph/ops.test.ts");
  expect(twinOf("infra/start/ensure-installed.mjs")).toBe("tests/infra/start/ensure-installed.test.ts");
});

test("a source without its test is named, with the test to write", () => {
  const wrong = missingTwins(["shared/a.ts", "shared/b.ts"], ["tests/shared/a.test.ts", "tests/shared/b2.test.ts"], {});
  expect(wrong).toEqual([
    "shared/b.ts: write tests/shared/b.test.ts, or say in infra/checks/twin-exemptions.ts why not",
  ]);
});

test("a file or a folder can be exempt", () => {
  const exemptions = { "shared/types.ts": "types only", "infra/facts/": "data" };
  expect(missingTwins(["shared/types.ts", "infra/facts/a.ts", "infra/facts/b/c.ts"], [], exemptions)).toEqual([]);
});

test("a word in braces stands for one name, the same wherever it stands", () => {
  const exemptions = { "shared/{kind}/{kind}.ts": "a row" };
  expect(missingTwins(["shared/lora/lora.ts", "shared/ia3/ia3.ts"], [], exemptions)).toEqual([]);
  const [wrong] = missingTwins(["shared/lora/lora.ts", "shared/lora/ia3.ts"], [], exemptions);
  expect(wrong).toContain("shared/lora/ia3.ts: write");
  expect(missingTwins(["shared/a/b/a/b.ts"], [], exemptions)[0]).toContain("shared/a/b/a/b.ts: write");
});

test("an exemption that exempts nothing has to go", () => {
  const wrong = missingTwins(["shared/a.ts"], ["tests/shared/a.test.ts"], {
    "shared/a.ts": "types",
    "shared/gone/": "data",
  });
  expect(wrong).toEqual([
    "infra/checks/twin-exemptions.ts: shared/a.ts exempts nothing: take it out",
    "infra/checks/twin-exemptions.ts: shared/gone/ exempts nothing: take it out",
  ]);
});
