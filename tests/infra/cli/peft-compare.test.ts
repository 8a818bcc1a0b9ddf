import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { peftCompare } from "../../../infra/cli/peft-compare.ts";
import { PEFT_METHODS } from "../../../shared/peft/registry.ts";

const root = join(import.meta.dirname, "../../..");

it("compares every method on the embedded base", () => {
  const text = peftCompare({ json: false });
  expect(text.split("\n")[0]).toMatch(/^method +trained +delta +peak memory +ms\/token +serving +merges +suits$/);
  for (const type of Object.keys(PEFT_METHODS)) expect(text).toMatch(new RegExp(`^${type}[ :]`, "m"));
  expect(text).toMatch(/^lora +233,472 /m);
});

it("says when the model is too large to be served here, and what to set", () => {
  const folder = mkdtempSync(join(tmpdir(), "trimtab-compare-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const config = JSON.parse(readFileSync(join(root, "infra/base/model/config.json"), "utf8"));
  const model = join(folder, "config.json");
  writeFileSync(model, JSON.stringify({ ...config, num_hidden_layers: 60 }));
  expect(peftCompare({ json: false, model, method: ["lora"] })).toMatch(
    /\n\nThis model can be trained but not served here: .* needs \d+ MiB .*\n$/,
  );
  expect(JSON.parse(peftCompare({ json: true, model, method: ["lora"] })).not_served).toMatch(/needs \d+ MiB/);
  expect(JSON.parse(peftCompare({ json: true, method: ["lora"] })).not_served).toBeNull();
  vi.stubEnv("ENGINE_HEAP_MB", "4096");
  expect(JSON.parse(peftCompare({ json: true, model, method: ["lora"] })).not_served).toBeNull();
  vi.unstubAllEnvs();
});

it("prints the API's reply as JSON", () => {
  const { object, data } = JSON.parse(peftCompare({ json: true, method: ['{"type":"lora","r":4}', "full"] }));
  expect(object).toBe("list");
  expect(data).toMatchObject([
    { type: "lora", trainable_parameters: 116_736, mergeable: true },
    { type: "full", serving_overhead: 0 },
  ]);
});

it("compares combinations by name", () => {
  const { data } = JSON.parse(peftCompare({ json: true, method: ["mam", '{"type":"unipelt","lora":{"r":2}}'] }));
  expect(data).toMatchObject([
    { type: "mam", mergeable: false },
    { type: "unipelt", config: { lora: { r: 2 } } },
  ]);
});

it.each([
  ["a missing folder", { model: "/nowhere" }, "/nowhere does not exist; --model takes a Hugging Face folder"],
  ["bad JSON", { method: ["{type"] }, "--method {type is not valid JSON"],
  ["an unknown method", { method: ["not-here"] }, "(methods: lora,"],
  ["settings out of range", { method: ['{"type":"lora","r":4096}'] }, "`method[0].r` must be from 1 to"],
])("rejects %s", (_name, options, message) => {
  expect(() => peftCompare({ json: false, ...options })).toThrow(message);
});
