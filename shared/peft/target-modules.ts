import { z } from "zod";
import { LIMITS } from "../api/limits.ts";
import { TrimtabError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import { type LinearModule, linearModules } from "../model/modules.ts";

const moduleName = z
  .string()
  .min(1)
  .max(LIMITS.targetModuleLength)
  .regex(/^[A-Za-z0-9_.-]+$/, "must be a module's name or the end of its path; patterns are not read");

export const TargetModules = z
  .union([moduleName, z.array(moduleName).min(1).max(LIMITS.targetModules)])
  .meta({ description: "`all-linear`, a module's name such as `q_proj`, or a list of them" });

/** Whether `name` stands for the module at `path` (without `model.`): equal to it, or its end after a dot. */
export function namesModule(name: string, path: string): boolean {
  return name === `model.${path}` || `.${path}`.endsWith(`.${name}`);
}

/** The setting that stands for every linear layer of every block; the head and the embedding are not among them. */
export const ALL_LINEAR = "all-linear";

/**
 * The linear layers that `target` names, in the order of the computation. Names match as in peft; unlike there, every name
 * of a list must match something.
 *
 * Throws `invalid_request` with `param`, listing the names that exist, where one matches nothing.
 */
export function resolveTargetModules(
  config: ModelConfig,
  target: string | readonly string[],
  param: string,
): LinearModule[] {
  const modules = linearModules(config);
  if (target === ALL_LINEAR) return modules;
  const names = typeof target === "string" ? [target] : target;
  for (const name of names) {
    if (modules.some(({ path }) => namesModule(name, path))) continue;
    const known = [...new Set(modules.map(({ path }) => path.split(".").at(-1)))].join(", ");
    const listed = name === ALL_LINEAR ? `\`${ALL_LINEAR}\` stands alone, outside a list` : "no module has that name";
    throw new TrimtabError(
      "invalid_request",
      `\`${param}\`: \`${name}\` matches no linear layer of this model: ${listed}. Use \`${ALL_LINEAR}\`, names among ${known}, or whole paths such as \`${modules[0]!.path}\`.`,
      { param, data: { name } },
    );
  }
  return modules.filter(({ path }) => names.some((name) => namesModule(name, path)));
}

/**
 * Refuses a rank that one of the layers cannot have: a product of rank r needs r ≤ min(in, out), and factors beyond that
 * are only memory. Throws `invalid_request` with `param`, naming the smallest layer.
 */
export function checkRank(modules: readonly LinearModule[], rank: number, param: string): void {
  const limit = (module: LinearModule) => Math.min(module.in, module.out);
  const smallest = modules.reduce((least, module) => (limit(module) < limit(least) ? module : least));
  if (Number.isInteger(rank) && rank >= 1 && rank <= limit(smallest)) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` must be from 1 to ${limit(smallest)}, got ${rank}: ${smallest.path} is ${smallest.in} × ${smallest.out} and can have no higher rank.`,
    { param, data: { rank, limit: limit(smallest) } },
  );
}

/** Layer names such as `q_proj` where all layers of that name are in `paths`, whole paths for the others. */
export function shortestNames(paths: readonly string[], modules: readonly LinearModule[]): string[] {
  const lastName = (path: string) => path.slice(path.lastIndexOf(".") + 1);
  const chosen = new Set(paths);
  const whole = new Set(modules.map(({ path }) => lastName(path)));
  for (const { path } of modules) if (!chosen.has(path)) whole.delete(lastName(path));
  return [...new Set(paths.map((path) => (whole.has(lastName(path)) ? lastName(path) : path)))];
}
