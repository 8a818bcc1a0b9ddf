import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { fromF32, parseSafetensors, toF32, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { DiskFile } from "../../../trainer/service/disk-file.ts";

const root = mkdtempSync(join(tmpdir(), "trimtab-disk-"));
afterAll(() => rmSync(root, { recursive: true }));

function fileOf(bytes: Uint8Array): DiskFile {
  const path = join(root, "file");
  writeFileSync(path, bytes);
  return new DiskFile(path);
}

it("returns the bytes of a range, up to the end", () => {
  const file = fileOf(Uint8Array.of(1, 2, 3, 4, 5));
  expect(file.byteLength).toBe(5);
  expect(file.subarray(1, 3)).toEqual(Uint8Array.of(2, 3));
  expect(file.subarray(4, 9)).toEqual(Uint8Array.of(5));
  expect(file.subarray(7, 9)).toEqual(new Uint8Array(0));
  file.close();
});

it("computes the digest of its bytes over several chunks", async () => {
  const bytes = Uint8Array.from({ length: 5_000_000 }, (_, i) => i % 251);
  const file = fileOf(bytes);
  expect(await file.digest()).toBe(await sha256Hex(bytes));
  file.close();
});

it("is read as a safetensors file, tensor by tensor and part by part", () => {
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  const tensor = { dtype: "F16", shape: [2, 3], bytes: fromF32(values, "F16") } as const;
  const file = fileOf(writeSafetensors(new Map([["w", tensor]])));
  const read = parseSafetensors(file).tensors.get("w")!;
  expect(toF32(read)).toEqual(values);
  expect(toF32(read.part(2, 5))).toEqual(values.slice(2, 5));
  file.close();
});

it("throws the file system's errors", () => {
  expect(() => new DiskFile(join(root, "nothing"))).toThrow("ENOENT");
});
