/** Holds the Docker files to the repository: a build needs Docker, which is not everywhere, but what they name must be here. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
const read = (name: string) => readFileSync(join(ROOT, name), "utf8");

/** Instructions with their continued lines joined, comments left out. */
function instructions(): [name: string, rest: string][] {
  const text = read("Dockerfile")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, " ");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]);
}

const named = (wanted: string) => instructions().flatMap(([name, rest]) => (name === wanted ? [rest] : []));

/** Variables that the programs read. */
const VARIABLES =
  /^(?:ADMIN_TOKEN|TRAINER_TOKEN|ENGINE_HEAP_MB|SCORER_ALLOW|HOST|PORT|TRIMTAB_(?:STATE|URL|TRAINER|EXECUTOR|LANES)|NODE_ENV|ONNXRUNTIME_NODE_INSTALL)$/;

test("the image is of the project's own Node, pinned, and runs as another user than root", () => {
  const [from = ""] = named("FROM");
  const major = /"node": "\^(\d+)/.exec(read("package.json"))?.[1];
  expect(from).toMatch(new RegExp(`^node:${major}-\\w+-slim$`));
  expect(instructions().findIndex(([name]) => name === "USER")).toBeGreaterThan(
    instructions().findLastIndex(([name]) => name === "RUN"),
  );
  expect(named("USER")).toEqual(["node"]);
});

test("what is copied exists, and reaches the build", () => {
  const ignored = read(".dockerignore").split("\n");
  expect(ignored[0]).toBe("*");
  for (const copied of named("COPY")) {
    for (const source of copied.split(" ").slice(0, -1)) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      expect(ignored, source).toContain(`!${source}`);
    }
  }
});

test("the commands' programs exist in the image, and none needs a package for development", () => {
  const commands = [
    ...named("CMD"),
    ...[...read("compose.yaml").matchAll(/command: (\[.*\])/g)].map(([, list]) => list),
  ];
  expect(commands).toHaveLength(2);
  for (const command of commands) {
    const [, program = ""] = JSON.parse(command ?? "") as string[];
    expect(existsSync(join(ROOT, program)), program).toBe(true);
  }
  const { dependencies } = JSON.parse(read("package.json"));
  for (const name of ["node", "wrangler", "miniflare"]) expect(dependencies).toHaveProperty(name);
  expect(() => JSON.parse((named("HEALTHCHECK")[0] ?? "").replace(/^.*CMD /, ""))).not.toThrow();
});

test("every variable is one that the programs read", () => {
  const environment = [...read("compose.yaml").matchAll(/^ {6}([A-Z_]+):/gm)].map(([, name]) => name);
  expect(environment.length).toBeGreaterThan(5);
  const set = named("ENV").flatMap((rest) =>
    rest
      .trim()
      .split(/\s+/)
      .map((pair) => pair.split("=")[0]),
  );
  for (const name of [...environment, ...set]) expect(name).toMatch(VARIABLES);
});

test("the port is published on loopback alone, and secrets have no default", () => {
  const compose = read("compose.yaml");
  expect(compose.match(/^ {6}- ".*"$/gm)).toEqual(['      - "127.0.0.1:8787:8787"']);
  expect(compose.match(/_TOKEN: .*/g)?.every((line) => /\$\{\w+:\?.+\}$/.test(line))).toBe(true);
  expect(read(".dev.vars.example").match(/^\w+=.*$/gm)).toEqual(["ADMIN_TOKEN=", "TRAINER_TOKEN="]);
  expect(read(".gitignore").split("\n")).toEqual(expect.arrayContaining([".env", ".dev.vars"]));
});

const compose = spawnSync("docker", ["compose", "version"]).status === 0;
test.runIf(compose)("Docker accepts the compose file", () => {
  const env = { ...process.env, ADMIN_TOKEN: "a", TRAINER_TOKEN: "t" };
  const { status, stderr } = spawnSync("docker", ["compose", "config", "--quiet"], {
    cwd: ROOT,
    env,
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
});
