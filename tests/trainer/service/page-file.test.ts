import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { PageFile } from "../../../trainer/service/page-file.ts";

const root = mkdtempSync(join(tmpdir(), "trimtab-pages-"));
afterAll(() => rmSync(root, { recursive: true }));

const read = (file: PageFile, start: number, count: number) => {
  const numbers = new Float32Array(count).fill(9);
  file.read(start, numbers);
  return [...numbers];
};

it("reads back what was written, and zeros elsewhere", () => {
  const file = new PageFile(root);
  expect(read(file, 0, 3)).toEqual([0, 0, 0]);
  file.write(2, Float32Array.of(1.5, -2));
  expect(read(file, 1, 5)).toEqual([0, 1.5, -2, 0, 0]);
  file.write(3, Float32Array.of(1, 2, 3, 4).subarray(1, 3));
  expect(read(file, 2, 3)).toEqual([1.5, 2, 3]);
  file.close();
});

it("creates its folder if necessary and leaves nothing in it", () => {
  const folder = join(root, "a/b");
  const [one, two] = [new PageFile(folder), new PageFile(folder)];
  one.write(0, Float32Array.of(1));
  expect(read(two, 0, 1)).toEqual([0]);
  expect(readdirSync(folder)).toEqual([]);
  for (const file of [one, two]) file.close();
  expect(() => one.read(0, new Float32Array(1))).toThrow("EBADF");
});
