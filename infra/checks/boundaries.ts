/**
 * Checks who may import what. A folder missing from the table, a package outside its folder, a computed import and an
 * impure call in a pure folder are errors: the direction of dependencies keeps the edge small and the trainer
 * replaceable.
 */
import { builtinModules } from "node:module";
import { posix } from "node:path";
import { importsOf, lineAt, type Source, scan } from "./source.ts";

/**
 * What each folder may import besides itself, the files directly in `shared` and, outside of `shared`, all of its
 * folders: folders, or single files. `shared`, `edge` and `trainer` are the files directly in them.
 */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  "shared/linalg": [],
  "shared/formats": [],
  "shared/edits": ["shared/linalg", "shared/formats"],
  "shared/data": ["shared/edits", "shared/model", "shared/formats"],
  "shared/graph": ["shared/formats"],
  "shared/autodiff": ["shared/graph"],
  "shared/model": ["shared/graph", "shared/autodiff", "shared/formats"],
  "shared/rules": ["shared/model", "shared/formats"],
  "shared/decode": ["shared/rules", "shared/model", "shared/delta"],
  "shared/delta": ["shared/model", "shared/graph", "shared/linalg", "shared/formats"],
  "shared/peft": ["shared/delta", "shared/model", "shared/graph", "shared/linalg", "shared/formats"],
  "shared/search": ["shared/decode", "shared/delta", "shared/peft"],
  "shared/package": ["shared/peft", "shared/delta", "shared/model", "shared/formats"],
  "shared/graders": ["shared/evaluation", "shared/rules"],
  "shared/evaluation": ["shared/formats"],
  "shared/synthesis": ["shared/graders"],
  "shared/evals": ["shared/api", "shared/graders", "shared/rules"],
  "shared/api": [
    "shared/synthesis",
    "shared/peft",
    "shared/delta",
    "shared/decode",
    "shared/search",
    "shared/graders",
    "shared/evaluation",
    "shared/edits",
    "shared/data",
    "shared/preferences",
    "shared/formats",
  ],
  "shared/agreement": [],
  "shared/feedback": ["shared/api"],
  "shared/preferences": ["shared/agreement", "shared/data", "shared/formats"],
  "shared/labeling": ["shared/agreement", "shared/feedback", "shared/api"],
  "shared/plot": ["shared/edits"],
  "shared/sweep": ["shared/api", "shared/plot"],
  "shared/trials": ["shared/api", "shared/formats"],
  "shared/report": ["shared/api", "shared/plot"],

  edge: ["edge/routes", "edge/objects"],
  "edge/pages": [],
  "edge/pace": [],
  "edge/routes": [
    "edge/env.ts",
    "edge/pace",
    "edge/pages",
    "edge/asking",
    "edge/objects",
    "edge/merging",
    "edge/serving",
    "edge/scoring",
    "edge/blobs",
  ],
  "edge/objects": [
    "edge/env.ts",
    "edge/pace",
    "edge/asking",
    "edge/blobs",
    "edge/serving",
    "edge/scoring",
    "edge/runtime/memory-plan.ts",
  ],
  "edge/asking": ["edge/serving", "edge/pace"],
  "edge/merging": ["edge/serving", "edge/blobs", "edge/pace"],
  "edge/serving": ["edge/blobs", "edge/pace", "edge/runtime", "edge/scoring"],
  "edge/scoring": ["edge/env.ts"],
  "edge/blobs": ["edge/env.ts", "edge/pace"],
  "edge/runtime": [],

  trainer: ["trainer/service", "trainer/engines"],
  "trainer/service": ["trainer/recipes", "trainer/loop", "trainer/engines", "trainer/data"],
  "trainer/recipes": [
    "trainer/edits",
    "trainer/loop",
    "trainer/losses",
    "trainer/rewards",
    "trainer/eval",
    "trainer/report",
    "trainer/engines",
    "trainer/data",
    "trainer/optim",
  ],
  "trainer/rewards": ["trainer/engines", "trainer/data"],
  "trainer/loop": ["trainer/engines", "trainer/optim"],
  "trainer/losses": [],
  // What edits share with jobs that train: graphs, scorers, and what a job and a result are.
  "trainer/edits": [
    "trainer/recipes",
    "trainer/loop",
    "trainer/eval",
    "trainer/engines",
    "trainer/data",
    "trainer/optim",
  ],
  "trainer/report": ["trainer/rewards", "trainer/data"],
  "trainer/eval": ["trainer/engines", "trainer/data"],
  "trainer/optim": [],
  "trainer/data": [],
  "trainer/engines": [],

  "infra/start": ["infra/base"],
  "infra/cli": ["infra/start", "edge/serving"],
  "infra/checks": [],
  "infra/base": ["trainer"],
};

/** Packages restricted to a folder; every other package may be imported wherever Node or the Worker has it. */
const PACKAGE_PLACES: readonly (readonly [packages: RegExp, folders: RegExp, place: string])[] = [
  [/^onnxruntime-web(\/|$)/, /^edge\/runtime$/, "edge/runtime"],
  [/^(onnxruntime-node|@tensorflow\/.*)(\/|$)/, /^trainer\/engines$/, "trainer/engines"],
  [/^cloudflare:/, /^edge/, "edge"],
  [/^node:/, /^(trainer|infra)/, "trainer and infra"],
  [/^(wrangler|miniflare|esbuild)(\/|$)/, /^infra\/start$/, "infra/start"],
  [/^(openai|vitest|playwright-core)(\/|$)/, /^tests$/, "tests"],
];

/** Folders without I/O, clocks or randomness. */
const PURE: ReadonlySet<string> = new Set([
  ...Object.keys(LAYERS).filter((folder) => folder.startsWith("shared")),
  "trainer/losses",
  "trainer/optim",
]);
const IMPURE = new RegExp(
  [
    /(?<![.\w$])(?:performance|console|process|globalThis)\s*[.(]/,
    /(?<![.\w$])Date\s*\.\s*now\b/,
    /\bnew\s+Date\s*(?:\(\s*\)|(?![\s(]))/,
    /(?<![.\w$])(?:fetch|setTimeout|setInterval|setImmediate|queueMicrotask)\s*\(/,
    /\bcrypto\s*\.\s*(?:getRandomValues|randomUUID)\b/,
    /\bMath\s*\.\s*random\b/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);

const BUILTINS = new Set(builtinModules);

/**
 * The violations of one file, as `path:line: what is wrong`.
 *
 * @param path relative to the repository's root, with forward slashes
 */
export function boundaryViolations(path: string, text: string): string[] {
  const source = scan(text);
  const folder = folderOf(path);
  const allowed = LAYERS[folder];
  if (allowed === undefined) {
    return [`${path}:1: the folder ${folder} has no place in infra/checks/boundaries.ts: say what it may import`];
  }
  const found: string[] = [];
  for (const { specifier, line } of importsOf(source)) {
    const wrong = importViolation(path, folder, allowed, specifier);
    if (wrong !== undefined) found.push(`${path}:${line}: ${wrong}`);
  }
  if (PURE.has(folder)) found.push(...impureCalls(path, source));
  return found;
}

function importViolation(
  path: string,
  folder: string,
  allowed: readonly string[],
  specifier: string | undefined,
): string | undefined {
  if (specifier === undefined) {
    // An optional package has no types to count on, so its name is hidden from the compiler.
    return folder === "trainer/engines" ? undefined : "imports a computed name: write the names out";
  }
  if (!specifier.startsWith(".")) {
    const name = BUILTINS.has(specifier) ? `node:${specifier}` : specifier;
    const rule = PACKAGE_PLACES.find(([packages]) => packages.test(name));
    if (rule !== undefined && !rule[1].test(folder)) return `imports ${name}, which belongs in ${rule[2]} only`;
    return undefined;
  }
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  const targetFolder = folderOf(target);
  const within = folder.startsWith("shared") ? targetFolder === "shared" : /^shared(\/|$)/.test(targetFolder);
  if (targetFolder === folder || within) return undefined;
  if (allowed.some((place) => place === target || place === targetFolder || targetFolder.startsWith(`${place}/`))) {
    return undefined;
  }
  return `imports ${target}: ${folder} may import ${["shared", ...allowed].join(", ")}`;
}

function impureCalls(path: string, { code }: Source): string[] {
  return [...code.matchAll(IMPURE)].map(
    ({ 0: call, index }) =>
      `${path}:${lineAt(code, index)}: uses ${call.replace(/[\s.()]+$/, "")}: this folder is pure, pass it in`,
  );
}

/** `shared`, `edge`, `trainer`, or the first two parts of a longer path. */
function folderOf(path: string): string {
  return path.split("/").slice(0, -1).slice(0, 2).join("/");
}

/**
 * Folders and files in the tables that contain no source, as lines of what is wrong.
 *
 * @param paths of all source files, relative to the repository's root, with forward slashes
 */
export function missingPlaces(paths: readonly string[]): string[] {
  const named = [...Object.keys(LAYERS), ...Object.values(LAYERS).flat(), ...PURE];
  const present = (place: string) => paths.some((path) => path === place || path.startsWith(`${place}/`));
  return [...new Set(named)]
    .filter((place) => !present(place))
    .map((place) => `infra/checks/boundaries.ts: there is no ${place}: take it out, or correct its name`);
}
