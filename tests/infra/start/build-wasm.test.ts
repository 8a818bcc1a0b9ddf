import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { patchGlue, unshareMemoryImport } from "../../../infra/start/build-wasm.ts";

const DIST = join(import.meta.dirname, "../../../node_modules/onnxruntime-web/dist");
const MAGIC = [0, 97, 115, 109, 1, 0, 0, 0];

/** A module that imports a function, a global, a table and finally a memory with the given limits. */
function importing(limits: readonly number[]): Uint8Array<ArrayBuffer> {
  const types = [1, 4, 1, 0x60, 0, 0];
  const named = [1, 97, 1, 98];
  const imports = [...named, 0, 0, ...named, 3, 0x7f, 0, ...named, 1, 0x70, 0, 1, ...named, 2, ...limits];
  return new Uint8Array([...MAGIC, ...types, 2, imports.length + 1, 4, ...imports]);
}

describe("the memory import", () => {
  test("of a small module becomes unshared, and nothing else changes", () => {
    const shared = importing([3, 1, 0x80, 0x02]);
    const unshared = importing([1, 1, 0x80, 0x02]);
    expect(unshareMemoryImport(shared)).toEqual(unshared);
  });

  test("of the package's file becomes unshared by one byte", () => {
    const file = readFileSync(join(DIST, "ort-wasm-simd-threaded.wasm"));
    const patched = unshareMemoryImport(file);
    expect(patched.length).toBe(file.length);
    const changed = [...patched.subarray(0, 10_000).entries()].filter(([i, byte]) => byte !== file[i]);
    expect(changed.map(([i, byte]) => [file[i], byte])).toEqual([[3, 1]]);
  });

  test.each([
    ["is not shared", importing([1, 1, 2])],
    ["is missing", new Uint8Array(MAGIC)],
  ])("that %s is reported", (_, wasm) => {
    expect(() => unshareMemoryImport(wasm)).toThrow(
      "onnxruntime-web's wasm does not import a shared memory as expected: its build has changed, review infra/start/build-wasm.ts",
    );
  });
});

describe("the glue", () => {
  const glue = readFileSync(join(DIST, "ort-wasm-simd-threaded.mjs"), "utf8");

  test("loses Node, threads and URLs, and takes its memory from the caller", () => {
    const patched = patchGlue(glue);
    // Compare only the matches; otherwise a failure would print the whole file.
    expect(patched.match(/import\(|import\.meta|new Worker|shared:!0|createRequire/g)).toBeNull();
    expect(patched.match(/x=h\.wasmMemory/g)).toHaveLength(1);
    expect(patched.match(/Id=h\.environment/g)).toHaveLength(1);
    expect(patched.slice(-31)).toBe("export default ortWasmThreaded;");
  });

  test("of another version is rejected, naming the patch that no longer applies", () => {
    const other = glue.replace("c=b*(1+.2/d)", "c=b*(1+.3/d)");
    expect(() => patchGlue(other)).toThrow(
      'onnxruntime-web\'s glue has changed: the patch "growth by 4 MiB" applies 0 times, expected 1; review infra/start/build-wasm.ts',
    );
  });
});
