import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { BlobRef } from "../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { loadBase } from "../../../trainer/service/base-cache.ts";

const root = mkdtempSync(join(tmpdir(), "trimtab-cache-"));
afterAll(() => rmSync(root, { recursive: true }));

const contents = new Map([
  ["config.json", Uint8Array.of(1, 2)],
  ["model.safetensors", Uint8Array.of(3, 4, 5)],
]);
const refs: BlobRef[] = await Promise.all(
  [...contents].map(async ([name, bytes]) => {
    return { name, bytes: bytes.byteLength, sha256: await sha256Hex(bytes), path: `/${name}` };
  }),
);

function setUp(folder: string) {
  const downloads: string[] = [];
  const download = async ({ name }: BlobRef) => {
    downloads.push(name);
    return contents.get(name)!;
  };
  const load = async () => {
    const { files, close } = await loadBase(folder, refs, download, new AbortController().signal);
    const read = new Map([...files].map(([name, file]) => [name, file.subarray(0, file.byteLength)]));
    close();
    return read;
  };
  return { load, downloads };
}

it("downloads a file once and caches it under its digest", async () => {
  const folder = join(root, "a/b");
  const { load, downloads } = setUp(folder);
  expect(await load()).toEqual(contents);
  expect(await load()).toEqual(contents);
  expect(downloads).toEqual(["config.json", "model.safetensors"]);
  expect(readdirSync(folder).sort()).toEqual(refs.map(({ sha256 }) => sha256).sort());
});

it("does not trust a cached file whose bytes have changed", async () => {
  const folder = join(root, "rotten");
  const { load, downloads } = setUp(folder);
  await load();
  writeFileSync(join(folder, refs[0]!.sha256), Uint8Array.of(1, 3));
  writeFileSync(join(folder, refs[1]!.sha256), Uint8Array.of(3));
  expect(await load()).toEqual(contents);
  expect(await load()).toEqual(contents);
  expect(downloads).toHaveLength(4);
});

it("works without a writable folder", async () => {
  writeFileSync(join(root, "file"), "");
  const { load, downloads } = setUp(join(root, "file/below"));
  expect(await load()).toEqual(contents);
  expect(await load()).toEqual(contents);
  expect(downloads).toHaveLength(4);
});

it("reads a cached file from disk until it is closed", async () => {
  const folder = join(root, "open");
  await setUp(folder).load();
  const { files, close } = await loadBase(folder, refs, () => Promise.reject(), new AbortController().signal);
  const file = files.get("model.safetensors")!;
  // A file that takes over the name later is a different file.
  rmSync(join(folder, refs[1]!.sha256));
  expect(file.subarray(1, 3)).toEqual(Uint8Array.of(4, 5));
  close();
  expect(() => file.subarray(1, 3)).toThrow("EBADF");
});
