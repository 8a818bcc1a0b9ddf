import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { writeBaseFolder } from "./base-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "trimtab-base-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SIZES = {
  vocab_size: 2100,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};
const files = () =>
  new Map(readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));

it("writes a folder that loads, with the parameter count it returns, determined by the seed", async () => {
  const count = writeBaseFolder(folder, SIZES, 3);
  const { weights, config } = loadModelFolder(files());
  expect(config).toMatchObject({ hiddenSize: 64, kvHeads: 2, tied: true });
  expect([...weights.values()].reduce((sum, { data }) => sum + data.length, 0)).toBe(count);
  const { data } = weights.get("model.layers.0.mlp.up_proj.weight")!;
  const deviation = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
  expect(deviation).toBeCloseTo(0.02, 3);
  const first = await sha256Hex(files().get("model.safetensors")!);
  writeBaseFolder(folder, SIZES, 3);
  expect(await sha256Hex(files().get("model.safetensors")!)).toBe(first);
  writeBaseFolder(folder, SIZES, 4);
  expect(await sha256Hex(files().get("model.safetensors")!)).not.toBe(first);
});
