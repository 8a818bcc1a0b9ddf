import { describe, expect, it } from "vitest";
import { missingNamedPaths } from "../../../infra/checks/named-paths.ts";

const PRESENT = new Set(["shared/graph", "shared/graph/ops.ts", "edge/routes", "infra/adr", "tests", "README.md"]);
const missing = (text: string, document = "GUIDE.md") =>
  missingNamedPaths(document, text, (path) => PRESENT.has(path)).map((line) => line.replace(/: correct.*/, ""));

describe("missingNamedPaths", () => {
  it("says which line names a path that does not exist, and what to do", () => {
    const text = "Read `shared/graph/ops.ts`.\nThen `shared/graph/gone.ts`.";
    expect(missingNamedPaths("GUIDE.md", text, (path) => PRESENT.has(path))).toEqual([
      "GUIDE.md:2: there is no shared/graph/gone.ts: correct the path, or take it out",
    ]);
  });

  it.each([
    ["prose, with the full stop behind it", "It is in edge/gone."],
    ["code", "`edge/gone`"],
    ["a folder with its slash", "`edge/gone/`"],
    ["the text of a link", "[edge/gone](edge/routes)"],
    ["the target of a link", "[there](edge/gone)"],
    ["a target with an anchor", "[there](edge/gone#part)"],
    ["an argument of a command", "curl -F file=@edge/gone"],
    ["a row of a table", "| edge/gone | what |"],
  ])("finds a path in %s", (_, text) => {
    expect(missing(text)).toEqual(["GUIDE.md:1: there is no edge/gone"]);
  });

  it("looks for a link's target from the document's own folder", () => {
    expect(missing("[up](../../README.md) [beside](gone.md)", "infra/adr/README.md")).toEqual([
      "infra/adr/README.md:1: there is no infra/adr/gone.md",
    ]);
  });

  it("lets the reader choose a name, in a folder that exists", () => {
    expect(missing("`edge/routes/<name>.ts`, `tests/<the same path>.test.ts`, `shared/graph/<op>`")).toEqual([]);
    expect(missing("`edge/gone/<name>.ts`")).toEqual(["GUIDE.md:1: there is no edge/gone"]);
  });

  it("leaves other addresses alone", () => {
    expect(
      missing("https://example.org/edge/gone [x](https://example.org/edge/gone) [y](#part) and/or/edge/gone"),
    ).toEqual([]);
  });
});
