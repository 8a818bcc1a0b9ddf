import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bundleKey, cachedBundle } from "../../../infra/start/bundle-cache.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trimtab-bundle-cache-"));
});

afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe("bundleKey", () => {
  const FILES = ["edge/worker.ts", "edge/routes/a.ts", "shared/b.json", "wrangler.toml", "package-lock.json"];

  beforeEach(() => {
    for (const path of [...FILES, "tsconfig.json", "infra/start/build-wasm.ts"]) write(path, path);
  });

  test.each(FILES)("changes with %s, and back again", (path) => {
    const before = bundleKey(root);
    write(path, "other");
    expect(bundleKey(root)).not.toBe(before);
    write(path, path);
    expect(bundleKey(root)).toBe(before);
  });

  test("changes with a new file, and not with what the build generates or what is elsewhere", () => {
    const before = bundleKey(root);
    write("edge/runtime/generated/ort.wasm", "made");
    write("trainer/main.ts", "elsewhere");
    expect(bundleKey(root)).toBe(before);
    write("shared/c.ts", "new");
    expect(bundleKey(root)).not.toBe(before);
  });
});

describe("cachedBundle", () => {
  let bundled = 0;
  const run = (key: string, name: string, cache = join(root, "cache")) => {
    const target = join(root, name);
    return cachedBundle({ cache, key, target }, async () => {
      bundled++;
      write(`${name}/worker.js`, key);
    });
  };
  const script = (name: string) => readFileSync(join(root, name, "worker.js"), "utf8");

  test("bundles once for each key, and keeps a few", async () => {
    bundled = 0;
    await run("a", "first");
    await run("a", "second");
    await run("b", "third");
    expect([bundled, script("first"), script("second"), script("third")]).toEqual([2, "a", "a", "b"]);
    for (const key of ["c", "d", "e", "f"]) await run(key, `of ${key}`);
    expect(readdirSync(join(root, "cache"))).toHaveLength(4);
  });

  test("does without a cache that cannot be written, and keeps nothing of a bundle that fails", async () => {
    bundled = 0;
    write("file", "");
    await run("a", "one", join(root, "file/below"));
    await run("a", "two", join(root, "file/below"));
    expect([bundled, script("two")]).toEqual([2, "a"]);
    const cache = join(root, "cache");
    const failing = cachedBundle({ cache, key: "x", target: join(root, "three") }, () =>
      Promise.reject(new Error("no")),
    );
    await expect(failing).rejects.toThrow("no");
    expect(existsSync(cache)).toBe(false);
  });
});
