import { join } from "node:path";
import { expect, test } from "vitest";
import { boundaryViolations, missingPlaces } from "../../../infra/checks/boundaries.ts";
import { sourceFiles } from "../../../infra/checks/files.ts";

test.each([
  ["edge/objects/tenant.ts", 'import { a } from "../../shared/errors.ts";'],
  ["edge/objects/tenant.ts", 'import { a } from "../../shared/peft/registry.ts";'],
  ["shared/peft/lora/lora.ts", 'import { a } from "../../delta/b.ts";'],
  ["edge/routes/chat.ts", 'import { a } from "../serving/protocol.ts";'],
  ["edge/serving/batch-loop.ts", 'import { a } from "../runtime/session.ts";'],
  ["edge/runtime/ort.ts", 'import ort from "onnxruntime-web";'],
  ["edge/worker.ts", 'import { a } from "cloudflare:workers";'],
  ["trainer/engines/onnxruntime.ts", 'import * as ort from "onnxruntime-node";'],
  ["trainer/engines/tensorflow/ops.ts", 'import * as tf from "@tensorflow/tfjs-core";'],
  ["trainer/recipes/supervised.ts", 'import { a } from "../loop/train.ts";'],
  ["trainer/service/client.ts", 'import { a } from "node:fs";'],
  ["infra/base/pretraining/pretrain.ts", 'import { a } from "../../../trainer/loop/train.ts";'],
  ["shared/formats/digest.ts", 'export const d = await crypto.subtle.digest("SHA-256", b);'],
  ["trainer/losses/dpo.ts", "export const options = { process: 1, fetch: 2 };"],
  ["trainer/engines/optional.ts", 'await import("optional" as string);'],
  ["shared/model/a.ts", "const day = new Date(Date.UTC(2024, 6, 26));"],
  ["trainer/losses/dpo.ts", "// Date.now() is not called here\nexport const a = state.performance.now();"],
])("%s may hold %s", (path, text) => {
  expect(boundaryViolations(path, text)).toEqual([]);
});

test.each([
  ["edge/routes/a.ts", 'import "../../trainer/loop/train.ts";', "edge/routes/a.ts:1: imports trainer/loop/train.ts"],
  [
    "trainer/loop/a.ts",
    'import "../../edge/serving/b.ts";',
    "imports edge/serving/b.ts: trainer/loop may import shared,",
  ],
  ["shared/a.ts", 'import "../edge/worker.ts";', "shared may import shared"],
  ["shared/a.ts", 'import "./formats/b.ts";', "imports shared/formats/b.ts: shared may import shared"],
  ["shared/delta/a.ts", 'import type { A } from "../peft/b.ts";', "imports shared/peft/b.ts: shared/delta may import"],
  ["shared/formats/a.ts", 'import type { A } from "../graph/b.ts";', "imports shared/graph/b.ts"],
  ["shared/peft/a.ts", 'import { a } from "../api/b.ts";', "imports shared/api/b.ts"],
  ["edge/runtime/a.ts", 'import "../blobs/b.ts";', "edge/runtime may import shared"],
  ["edge/routes/a.ts", 'import "../runtime/b.ts";', "imports edge/runtime/b.ts"],
  ["shared/autodiff/a.ts", '\nimport "../model/b.ts";', "shared/autodiff/a.ts:2: imports shared/model/b.ts"],
  ["trainer/loop/a.ts", 'import "../recipes/b.ts";', "imports trainer/recipes/b.ts"],
  [
    "shared/a.ts",
    'import { readFileSync } from "node:fs";',
    "imports node:fs, which belongs in trainer and infra only",
  ],
  ["edge/objects/a.ts", 'import { join } from "path";', "imports node:path, which belongs in trainer and infra only"],
  ["edge/objects/a.ts", 'import ort from "onnxruntime-web/wasm";', "which belongs in edge/runtime only"],
  ["trainer/loop/a.ts", 'import * as ort from "onnxruntime-node";', "which belongs in trainer/engines only"],
  ["trainer/loop/a.ts", 'type T = import("@tensorflow/tfjs-core").Tensor;', "which belongs in trainer/engines only"],
  ["trainer/main.ts", 'import { unstable_dev } from "wrangler";', "which belongs in infra/start only"],
  ["trainer/loop/a.ts", "await import(name);", "imports a computed name"],
  ["trainer/novel/a.ts", "", "the folder trainer/novel has no place"],
])("%s may not hold %s", (path, text, message) => {
  const found = boundaryViolations(path, text);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(message);
});

test.each([
  ["shared/autodiff/a.ts", "const t = Date.now();", "uses Date.now"],
  ["trainer/optim/a.ts", "const t = new Date();", "uses new Date"],
  ["trainer/losses/a.ts", "const r = Math.random();", "uses Math.random"],
  ["shared/decode/a.ts", "const t = performance.now();", "uses performance"],
  ["shared/decode/a.ts", "await fetch(url);", "uses fetch"],
  ["shared/decode/sub/a.ts", "crypto.getRandomValues(bytes);", "uses crypto.getRandomValues"],
  ["shared/graph/a.ts", "console.log(a);", "uses console"],
  ["trainer/losses/a.ts", "setTimeout(f, 1);", "uses setTimeout"],
])("%s is pure: it may not hold %s", (path, text, message) => {
  expect(boundaryViolations(path, text)).toEqual([`${path}:1: ${message}: this folder is pure, pass it in`]);
});

test("every place that is named exists", () => {
  const paths = sourceFiles(join(import.meta.dirname, "../../.."));
  expect(missingPlaces(paths)).toEqual([]);
  expect(missingPlaces(paths.filter((path) => !path.startsWith("shared/linalg/")))).toEqual([
    "infra/checks/boundaries.ts: there is no shared/linalg: take it out, or correct its name",
  ]);
});
