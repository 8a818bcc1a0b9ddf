import type { spawnSync } from "node:child_process";
import { join } from "node:path";

export const HARNESS_SCRIPT = join(import.meta.dirname, "harness.py");

const PACKAGES = ["lm_eval", "torch", "transformers", "inspect_ai", "openai", "aiohttp", "tenacity"];

/** Those of harness.py's packages that the interpreter does not have; all of them where there is no interpreter. */
export function missingPackages(python: string, spawn: typeof spawnSync): string[] {
  const script = `from importlib.util import find_spec; print(*(p for p in ${JSON.stringify(PACKAGES)} if find_spec(p) is None))`;
  const { status, stdout } = spawn(python, ["-c", script], { encoding: "utf8" });
  if (status !== 0) return PACKAGES;
  return stdout.split(/\s+/).filter((name) => name !== "");
}
