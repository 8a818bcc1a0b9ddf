import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { quoteName } from "../formats/strict-json.ts";
import { LIMITS } from "../limits.ts";
import type { ModelConfig } from "../model/config.ts";
import { checkpointPath, type LinearModule, linearModules } from "../model/modules.ts";
import { type ModulePattern, PatternBudget, parseModulePattern } from "./module-pattern.ts";

const NAME = /^[A-Za-z0-9_.-]+$/;

const moduleName = z
  .string()
  .min(1)
  .max(LIMITS.targetModuleLength)
  .regex(NAME, "must be a module's name or the end of its path; a pattern must be a string, not part of a list");

/** A supported regular expression. The error message names the unsupported part. */
const modulePattern = z
  .string()
  .min(1)
  .superRefine((source, context) => {
    const pattern = parseModulePattern(source);
    if ("problem" in pattern)
      context.addIssue({ code: "custom", message: `has an unsupported pattern: it ${pattern.problem}` });
  });

const moduleNames = z.union([modulePattern, z.array(moduleName).min(1).max(LIMITS.targetModules)]);

export const TargetModules = moduleNames.meta({
  description:
    "`all-linear`, a module's name such as `q_proj`, a list of names, or a regular expression for whole paths such as `model.layers.0.self_attn.q_proj`",
});

export const ExcludedModules = moduleNames.meta({
  description: "Names or a regular expression of target modules to leave out",
});

/** Where a pattern comes from, for error messages. */
export interface PatternPlace {
  readonly code: "invalid_request" | "invalid_delta";
  readonly what: string;
  readonly param?: string;
}

/** Whether a setting is a pattern rather than a name or a list of names. */
export function isPattern(target: string | readonly string[]): target is string {
  return typeof target === "string" && !NAME.test(target);
}

/** Whether `name` refers to the module at `path`: it is the path in a checkpoint, or ends it after a dot. */
export function namesModule(name: string, path: string): boolean {
  return `.${checkpointPath(path)}`.endsWith(`.${name}`);
}

/** All names that refer to the module at `path`. */
function namesOf(path: string): string[] {
  const whole = checkpointPath(path);
  return [whole, ...Array.from(whole.matchAll(/\./g), ({ index }) => whole.slice(index + 1))];
}

/**
 * Tests whether `names` refers to the module at a path, as in peft: a list as in `namesModule`, a string as a pattern for
 * the whole path in a checkpoint. Throws when the pattern is not supported or takes too long.
 */
export function modulesNamed(names: string | readonly string[], place: PatternPlace): (path: string) => boolean {
  if (typeof names !== "string") {
    const known = new Set(names);
    return (path) => namesOf(path).some((name) => known.has(name));
  }
  const matches = patternTest(names, place);
  return (path) => matches(checkpointPath(path));
}

/** The entry of `rank_pattern` or `alpha_pattern` that applies to a module. */
export interface PatternEntry {
  readonly key: string;
  readonly value: number;
}

/**
 * Finds the first pattern that matches a module, as in peft's `rank_pattern` and `alpha_pattern`: a pattern must match the
 * path in a checkpoint, or the end of it after a dot. Throws as `modulesNamed` does.
 */
export function patternEntries(
  patterns: Readonly<Record<string, number>>,
  place: PatternPlace,
): (path: string) => PatternEntry | undefined {
  const budget = new PatternBudget();
  const tests = Object.entries(patterns).map(([key, value]) => {
    const pattern = readPattern(key, place);
    return { key, value, matches: (path: string) => within(pattern.matchesEnd(path, budget), place) };
  });
  return (path) => tests.find(({ matches }) => matches(checkpointPath(path)));
}

/** Tests whether the pattern matches the whole of a text. */
function patternTest(source: string, place: PatternPlace): (text: string) => boolean {
  const budget = new PatternBudget();
  const pattern = readPattern(source, place);
  return (text) => within(pattern.matches(text, budget), place);
}

function readPattern(source: string, { code, what, param }: PatternPlace): ModulePattern {
  const pattern = parseModulePattern(source);
  if (!("problem" in pattern)) return pattern;
  const problem = `has an unsupported pattern: ${quoteName(source)} ${pattern.problem}`;
  throw new TrimtabError(code, `${what} ${problem}`, param === undefined ? {} : { param });
}

function within(found: boolean | undefined, { code, what, param }: PatternPlace): boolean {
  if (found !== undefined) return found;
  const problem = "takes too long to match; simplify the pattern or list names";
  throw new TrimtabError(code, `${what} ${problem}`, param === undefined ? {} : { param });
}

/** The setting for every linear layer of every block, excluding the head and the embedding. */
export const ALL_LINEAR = "all-linear";

/**
 * The modules that `target` refers to, in order of computation, out of `modules` (by default the linear layers of the
 * blocks). Names match as in peft, except that a single name needs no list, a pattern may omit `model.`, and every name in a
 * list must match something.
 *
 * Throws `invalid_request` with `param`, listing the valid names, when a name or pattern matches nothing.
 */
export function resolveTargetModules(
  config: ModelConfig,
  target: string | readonly string[],
  param: string,
  modules: readonly LinearModule[] = linearModules(config),
): LinearModule[] {
  if (target === ALL_LINEAR) return linearModules(config);
  const refuse = (name: string, why: string) => {
    const known = [...new Set(modules.map(({ path }) => path.split(".").at(-1)))].join(", ");
    return new TrimtabError(
      "invalid_request",
      `\`${param}\`: \`${name}\` matches no linear layer of this model: ${why}. Use \`${ALL_LINEAR}\`, names among ${known}, or whole paths such as \`${modules[0]!.path}\`.`,
      { param, data: { name } },
    );
  };
  if (isPattern(target)) {
    const matches = settingTest(target, param);
    const found = modules.filter(({ path }) => matches(path));
    if (found.length === 0) throw refuse(target, "a pattern must match a whole path");
    return found;
  }
  const names = typeof target === "string" ? [target] : target;
  for (const name of names) {
    if (modules.some(({ path }) => namesModule(name, path))) continue;
    const isAll = name === ALL_LINEAR;
    throw refuse(name, isAll ? `\`${ALL_LINEAR}\` must be a string, not part of a list` : "no module has that name");
  }
  return modules.filter(({ path }) => names.some((name) => namesModule(name, path)));
}

/** Tests whether a name or pattern refers to a module. A pattern may omit `model.`. */
export function settingTest(setting: string, param: string): (path: string) => boolean {
  if (!isPattern(setting)) return (path) => namesModule(setting, path);
  const matches = patternTest(setting, { code: "invalid_request", what: `\`${param}\``, param });
  return (path) => matches(checkpointPath(path)) || matches(path);
}

/**
 * Rejects a rank that is too high for one of the layers: the rank of a product is at most min(in, out), and larger factors
 * only waste memory. Throws `invalid_request` with `param`, naming the smallest layer.
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

/** Names `paths` as briefly as possible: `q_proj` if `paths` includes all layers of that name, whole paths otherwise. */
export function shortestNames(paths: readonly string[], modules: readonly Pick<LinearModule, "path">[]): string[] {
  const lastName = (path: string) => path.slice(path.lastIndexOf(".") + 1);
  const chosen = new Set(paths);
  const whole = new Set(modules.map(({ path }) => lastName(path)));
  for (const { path } of modules) if (!chosen.has(path)) whole.delete(lastName(path));
  return [...new Set(paths.map((path) => (whole.has(lastName(path)) ? lastName(path) : path)))];
}
