import { expect, test } from "vitest";
import { importCycles } from "../../../infra/checks/cycles.ts";

const importing = (...targets: string[]) => targets.map((target) => `import type { A } from "${target}";`).join("\n");

test("files that import one another are named in a circle, the shortest one", () => {
  const sources = new Map([
    ["shared/a.ts", importing("./b.ts", "./d.ts")],
    ["shared/b.ts", importing("./model/c.ts")],
    ["shared/model/c.ts", importing("../a.ts")],
    ["shared/d.ts", importing("./e.ts")],
    ["shared/e.ts", importing("./f.ts")],
    ["shared/f.ts", importing("./a.ts")],
  ]);
  expect(importCycles(sources)).toEqual([
    "shared/a.ts → shared/b.ts → shared/model/c.ts → shared/a.ts: a circle of imports; move what they share into a file that imports none of them",
  ]);
});

test("every group is named once, whatever kind of import closes it", () => {
  const sources = new Map([
    ["edge/x.ts", 'export { a } from "./y.ts";'],
    ["edge/y.ts", 'const x = await import("./x.ts");'],
    ["edge/z.ts", `${importing("./x.ts")}\nimport "./z.ts";`],
  ]);
  expect(importCycles(sources).map((line) => line.split(":")[0])).toEqual([
    "edge/x.ts → edge/y.ts → edge/x.ts",
    "edge/z.ts → edge/z.ts",
  ]);
});

test("a file that several others import closes no circle", () => {
  const sources = new Map([
    ["a.ts", importing("./b.ts", "./c.ts")],
    ["b.ts", importing("./d.ts", "zod")],
    ["c.ts", importing("./d.ts", "./generated/missing.ts")],
    ["d.ts", ""],
  ]);
  expect(importCycles(sources)).toEqual([]);
});
