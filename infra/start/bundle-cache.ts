/** Bundles of the Worker by what they are made from, so that a start with unchanged sources does not bundle again. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** Folders and files that decide what the bundle contains. The lock file stands for every package. */
const INPUTS = ["edge", "shared", "wrangler.toml", "package-lock.json", "tsconfig.json", "infra/start/build-wasm.ts"];
/** Made by the build from the packages. */
const GENERATED = "edge/runtime/generated";
/** Bundles that are kept: those of a few branches. */
const KEPT = 4;

/** SHA-256 over the names and contents of everything that goes into the bundle. */
export function bundleKey(root: string): string {
  const hash = createHash("sha256");
  for (const path of INPUTS.flatMap((input) => filesOf(root, input)).sort()) {
    const bytes = readFileSync(join(root, path));
    hash.update(`${path}\0${bytes.byteLength}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/**
 * Fills `target`, which does not exist, with the bundle of that key: from `cache` if it is there, otherwise by `bundle`, whose
 * result is then kept. A cache that cannot be written is done without.
 */
export async function cachedBundle(
  { cache, key, target }: { readonly cache: string; readonly key: string; readonly target: string },
  bundle: () => Promise<void>,
): Promise<void> {
  const kept = join(cache, key);
  if (existsSync(kept)) {
    cpSync(kept, target, { recursive: true });
    return;
  }
  await bundle();
  try {
    mkdirSync(cache, { recursive: true });
  } catch {
    return;
  }
  const partial = join(cache, `.${key}.${process.pid}`);
  try {
    cpSync(target, partial, { recursive: true });
    // Whole or not at all; another process may have been first.
    renameSync(partial, kept);
    forgetOldest(cache);
  } catch {
    rmSync(partial, { recursive: true, force: true });
  }
}

function forgetOldest(cache: string): void {
  const bundles = readdirSync(cache)
    .filter((name) => !name.startsWith("."))
    .map((name) => ({ name, at: statSync(join(cache, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { name } of bundles.slice(KEPT)) rmSync(join(cache, name), { recursive: true, force: true });
}

/** Paths relative to `root`, with forward slashes. */
function filesOf(root: string, input: string): string[] {
  if (!statSync(join(root, input)).isDirectory()) return [input];
  return readdirSync(join(root, input), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !path.startsWith(`${GENERATED}/`));
}
