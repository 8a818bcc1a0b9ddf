/**
 * Installs the packages if they are missing or differ from package-lock.json.
 *
 * The first step of `npm start`, `npm run serve` and `npm test`. Plain JavaScript without dependencies, because it runs on the
 * system's Node (20 or later) before the project's own Node 22 is installed. npm's output goes to standard error, because
 * standard output belongs to the command that follows.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = 20;

/**
 * Why `npm ci` must run for the project in `root`; undefined if the installed packages match package-lock.json. It compares
 * contents, not dates, because a checkout changes the file's date but not its contents.
 *
 * @param {string} root
 * @returns {string | undefined}
 */
export function whyInstall(root) {
  const locked = packagesOf(join(root, "package-lock.json"));
  if (locked === undefined) throw new Error(`${join(root, "package-lock.json")} is missing or is not JSON.`);
  // npm writes this file last, so an interrupted installation has none.
  const installed = packagesOf(join(root, "node_modules/.package-lock.json"));
  if (installed === undefined) return "no packages are installed";
  if (!existsSync(join(root, "node_modules/.bin/node"))) return "the project's own Node is missing";
  for (const [path, { version, optional }] of Object.entries(locked)) {
    if (path === "" || optional) continue;
    const found = installed[path]?.version;
    if (found !== version) return `${path} is ${found ?? "missing"}, but package-lock.json has ${version}`;
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
 * PATH without the project's own commands, which `npm ci` deletes while it runs.
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
  // onnxruntime-node's install script downloads CUDA libraries otherwise, and nothing here uses them.
  env.ONNXRUNTIME_NODE_INSTALL ??= "skip";
  // The caller's `--json` or `--silent` is not meant for this npm process.
  for (const name of ["npm_config_json", "npm_config_loglevel", "npm_config_silent"]) delete env[name];
  const { status, error } = spawnSync("npm", ["ci"], { cwd: root, env, stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  const why = error === undefined ? `failed with status ${status}` : `could not be started (${error.message})`;
  throw new Error(`npm ci ${why}. It needs access to the npm registry; run it by hand in ${root} to see why.`);
}

function main() {
  const root = join(fileURLToPath(import.meta.url), "../../..");
  const major = Number(process.versions.node.split(".")[0]);
  if (major < OLDEST_NODE)
    throw new Error(`Trimtab needs Node ${OLDEST_NODE} or later, but this is ${process.version}.`);
  const why = whyInstall(root);
  if (why === undefined) return;
  process.stderr.write(`Installing packages: ${why}.\n`);
  install(root);
  const still = whyInstall(root);
  if (still !== undefined) {
    throw new Error(`npm ci ran, but ${still}. It must run install scripts: do not set ignore-scripts.`);
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
