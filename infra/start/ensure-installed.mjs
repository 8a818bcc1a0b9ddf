/**
 * Installs the packages when they are missing or are not those of package-lock.json.
 *
 * The first step of `npm start`, `npm run serve` and `npm test`. It is plain JavaScript without dependencies, because it runs
 * on the system's Node (20 or later) before the project's own Node 22 is installed. npm's output goes to standard error:
 * standard output belongs to the command that follows.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = 20;

/**
 * Why `npm ci` has to run for the project in `root`, or undefined where the installed packages are the locked ones. It compares
 * contents, not dates: a checkout gives package-lock.json a new date without changing it.
 *
 * @param {string} root
 * @returns {string | undefined}
 */
export function whyInstall(root) {
  const locked = packagesOf(join(root, "package-lock.json"));
  if (locked === undefined) throw new Error(`${join(root, "package-lock.json")} is missing or is not JSON.`);
  // npm writes this file last, so an installation that broke off has none.
  const installed = packagesOf(join(root, "node_modules/.package-lock.json"));
  if (installed === undefined) return "no packages are installed";
  if (!existsSync(join(root, "node_modules/.bin/node"))) return "the project's own Node is missing";
  for (const [path, { version, optional }] of Object.entries(locked)) {
    if (path === "" || optional) continue;
    const found = installed[path]?.version;
    if (found !== version) return `${path} is ${found ?? "missing"}, package-lock.json has ${version}`;
  }
  return undefined;
}

/**
 * @param {string} file a package-lock.json
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * The search path without the project's own commands: `npm ci` deletes them while it runs.
 *
 * @param {string} path
 * @param {string} root
 */
export function withoutOwnCommands(path, root) {
  const own = join(root, "node_modules");
  return path
    .split(delimiter)
    .filter((folder) => !folder.startsWith(own))
    .join(delimiter);
}

/** @param {string} root */
function install(root) {
  const env = { ...process.env, PATH: withoutOwnCommands(process.env.PATH ?? "", root) };
  // A caller's `--json` or `--silent` is not meant for this run of npm.
  for (const name of ["npm_config_json", "npm_config_loglevel", "npm_config_silent"]) delete env[name];
  const { status, error } = spawnSync("npm", ["ci"], { cwd: root, env, stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  const why = error === undefined ? `ended with status ${status}` : `could not be started (${error.message})`;
  throw new Error(`npm ci ${why}. It needs the npm registry; run it by hand in ${root} to see why.`);
}

function main() {
  const root = join(fileURLToPath(import.meta.url), "../../..");
  const major = Number(process.versions.node.split(".")[0]);
  if (major < OLDEST_NODE) throw new Error(`Node ${OLDEST_NODE} or later is needed, this is ${process.version}.`);
  const why = whyInstall(root);
  if (why === undefined) return;
  process.stderr.write(`Installing packages: ${why}.\n`);
  install(root);
  const still = whyInstall(root);
  if (still !== undefined) {
    throw new Error(`npm ci ran, but ${still}. Its install scripts have to run: do not set ignore-scripts.`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
