import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bundleWorker, readBundle, wranglerEnv } from "../../../infra/start/bundle-worker.ts";
import { StateFolder } from "../../../infra/start/state-folder.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trimtab-bundle-"));
});

afterEach(() => rmSync(root, { recursive: true }));

test("a bundle has a script, its WebAssembly and its settings", () => {
  writeFileSync(join(root, "worker.js"), "");
  writeFileSync(join(root, "1a-ort.wasm"), "");
  writeFileSync(join(root, "worker.js.map"), "");
  writeFileSync(join(root, "options.json"), '{"compatibilityDate":"2026-07-01"}');
  expect(readBundle(root)).toEqual({
    script: join(root, "worker.js"),
    wasm: [join(root, "1a-ort.wasm")],
    options: { compatibilityDate: "2026-07-01" },
  });
});

test("wrangler writes only to the state folder", () => {
  const state = new StateFolder(root);
  expect(wranglerEnv(state)).toMatchObject({
    WRANGLER_LOG_PATH: join(root, "logs/wrangler"),
    WRANGLER_SEND_METRICS: "false",
    XDG_CONFIG_HOME: join(root, "config"),
  });
});

test("bundles the Worker with the bindings of wrangler.toml", { timeout: 60_000 }, async () => {
  const state = new StateFolder(root);
  await bundleWorker(state);
  const { wasm, options } = readBundle(state.file("worker"));
  expect(wasm).toHaveLength(1);
  expect(Object.keys(options.durableObjects as object)).toEqual(["TENANT", "DISPATCHER", "ENGINE"]);
  expect(options.r2Buckets).toEqual({ BLOBS: { id: "trimtab-blobs" } });
});
