import { expect, test } from "vitest";
import { importsOf, scan } from "../../../infra/checks/source.ts";

function specifiers(text: string): (string | undefined)[] {
  return importsOf(scan(text)).map(({ specifier }) => specifier);
}

test("finds every way to import", () => {
  const text = [
    'import { a } from "./a.ts";',
    "import type { B } from './b.ts';",
    'import "side-effect";',
    "import * as c from",
    '  "node:fs";',
    'export { d } from "./d.ts";',
    'export * from "./e.ts";',
    'type F = import("./f.ts").F;',
    'const g = await import("g");',
    'const h = require("h");',
  ].join("\n");
  expect(specifiers(text)).toEqual([
    "./a.ts",
    "./b.ts",
    "side-effect",
    "node:fs",
    "./d.ts",
    "./e.ts",
    "./f.ts",
    "g",
    "h",
  ]);
});

test("a computed import has no specifier", () => {
  expect(importsOf(scan("\nawait import(name);"))).toEqual([{ specifier: undefined, line: 2 }]);
});

test("comments, strings, templates and regular expressions import nothing", () => {
  const text = [
    '// import "a";',
    '/* import "b";\n import "c"; */',
    "const d = 'import \"d\";';",
    'const e = `import "e"; $' + '{f("import g") + `$' + '{"h"}`} import "i";`;',
    'const j = /import "j"["\'/]/.test(k / l / m);',
    'const n = "\\"; import \'o\';";',
  ].join("\n");
  expect(specifiers(text)).toEqual([]);
});

test("imports are found in a template's expressions and after a regular expression", () => {
  expect(specifiers("const a = `$" + '{await import("a")}`;\nconst b = x.replace(/"/g, "");\nimport "c";')).toEqual([
    "a",
    "c",
  ]);
});

test("blanking keeps the line numbers", () => {
  const { code } = scan("a;\n/* b\n c */ d;\nconst e = `f\ng`; h;");
  expect(code.split("\n").map((line) => line.trim())).toEqual(["a;", "", "d;", "const e = `", "`; h;"]);
});
