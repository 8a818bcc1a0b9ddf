/**
 * Derives the runtime files of `edge/runtime` from the installed onnxruntime-web package.
 *
 * It writes two files to `edge/runtime/generated/`, which git ignores:
 * - `ort.wasm`: the package's threaded build with its memory import made unshared. Shared memory needs SharedArrayBuffer, which
 *   a Workers isolate may not offer. Atomic instructions on unshared memory are valid WebAssembly, and with one thread nothing
 *   ever waits on them.
 * - `ort-glue.mjs`: the package's Emscripten glue. The caller passes in the memory, which sets its limit and whether it is
 *   shared, and the library's environment variables. The heap grows by 4 MiB at a time rather than by a fifth of its size. Code
 *   for Node and threads is removed: workerd has neither, and its Node emulation misleads the glue.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TrimtabError } from "../../shared/errors.ts";

const ROOT = join(import.meta.dirname, "../..");
const PACKAGE = join(ROOT, "node_modules/onnxruntime-web");
const GENERATED = join(ROOT, "edge/runtime/generated");

/** Bump when a patch below changes, so that existing checkouts rebuild. */
const PATCH_REVISION = 2;

const IMPORT_SECTION = 2;
const IMPORT_KIND = { func: 0, table: 1, memory: 2, global: 3 } as const;
const HAS_MAXIMUM = 1;
const SHARED_WITH_MAXIMUM = 3;

/** [purpose, text in the glue, replacement]; each text must occur exactly once. */
const GLUE_PATCHES: readonly (readonly [why: string, from: string, to: string])[] = [
  ["never Node", 'm=globalThis.process?.versions?.node&&"renderer"!=globalThis.process?.type,', "m=!1,"],
  [
    "no Node imports",
    'if(m){const {createRequire:a}=await import("module");var require=a(import.meta.url),ba=require("worker_threads");global.Worker=ba.Worker;n=(k=!ba.jc)&&"em-pthread"==ba.workerData}',
    "var require,ba;",
  ],
  [
    "no SharedArrayBuffer",
    "var SharedArrayBuffer=globalThis.SharedArrayBuffer??(new WebAssembly.Memory({initial:0,maximum:0,shared:!0})).buffer.constructor,",
    "var ",
  ],
  ["no URL of its own", "ea=import.meta.url,", 'ea="ort-glue.mjs",'],
  ["no URL of the wasm file", '(new URL("ort-wasm-simd-threaded.wasm",import.meta.url)).href', '"ort.wasm"'],
  [
    "no threads",
    'new Worker(new URL(import.meta.url),{type:"module",workerData:"em-pthread",name:"em-pthread"})',
    "J(`threads are not available`)",
  ],
  ["no mailbox", "wd=!Atomics.waitAsync||", "wd=!0||"],
  ["memory from the caller", "x=new WebAssembly.Memory({initial:256,maximum:65536,shared:!0})", "x=h.wasmMemory"],
  ["environment from the caller", "var Id={},", "var Id=h.environment??{},"],
  ["growth by 4 MiB", "c=b*(1+.2/d)", "c=b+4194304/d"],
];
/** Ends the factory; the glue's code after this starts a thread. */
const GLUE_TRAILER = "export default ortWasmThreaded;";

/** The same module with its shared memory import made unshared. Throws `internal_error` if it has none. */
export function unshareMemoryImport(wasm: Uint8Array): Uint8Array<ArrayBuffer> {
  const patched = new Uint8Array(wasm);
  const flags = memoryImportFlags(patched);
  if (flags === undefined || patched[flags] !== SHARED_WITH_MAXIMUM) {
    throw new TrimtabError(
      "internal_error",
      "onnxruntime-web's wasm does not import a shared memory as expected: its build has changed, review infra/start/build-wasm.ts",
    );
  }
  patched[flags] = HAS_MAXIMUM;
  return patched;
}

/** The glue for workerd. Throws `internal_error`, naming the patch, if a patch does not apply exactly once. */
export function patchGlue(source: string): string {
  let glue = source;
  for (const [why, from, to] of GLUE_PATCHES) {
    const parts = glue.split(from);
    if (parts.length !== 2) throw changedGlue(why, parts.length - 1);
    glue = parts.join(to);
  }
  const end = glue.indexOf(GLUE_TRAILER);
  if (end < 0) throw changedGlue("default export", 0);
  return glue.slice(0, end + GLUE_TRAILER.length);
}

/** Writes the generated files unless they are up to date with the installed package and the patches. */
export function buildWasm(): void {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as { version: string };
  const stamp = `onnxruntime-web ${version}, patch ${PATCH_REVISION}\n`;
  const stampFile = join(GENERATED, "stamp.txt");
  if (readIfPresent(stampFile) === stamp) return;
  mkdirSync(GENERATED, { recursive: true });
  const read = (name: string): Buffer => readFileSync(join(PACKAGE, "dist", name));
  replaceFile(join(GENERATED, "ort.wasm"), unshareMemoryImport(read("ort-wasm-simd-threaded.wasm")));
  replaceFile(join(GENERATED, "ort-glue.mjs"), patchGlue(read("ort-wasm-simd-threaded.mjs").toString("utf8")));
  replaceFile(stampFile, stamp);
}

function changedGlue(why: string, found: number): TrimtabError {
  return new TrimtabError(
    "internal_error",
    `onnxruntime-web's glue has changed: the patch "${why}" applies ${found} times, expected 1; review infra/start/build-wasm.ts`,
    { data: { patch: why, found } },
  );
}

/** Offset of the limits flags of the first imported memory. */
function memoryImportFlags(wasm: Uint8Array): number | undefined {
  let at = 8; // magic and version
  const unsigned = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = wasm[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const skipName = (): void => {
    const length = unsigned();
    at += length;
  };
  const limits = (): void => {
    const flags = unsigned();
    unsigned();
    if (flags & HAS_MAXIMUM) unsigned();
  };
  while (at < wasm.length) {
    const section = wasm[at++];
    const size = unsigned();
    if (section !== IMPORT_SECTION) {
      at += size;
      continue;
    }
    for (let left = unsigned(); left > 0; left--) {
      skipName(); // module
      skipName(); // field
      const kind = wasm[at++];
      if (kind === IMPORT_KIND.memory) return at;
      if (kind === IMPORT_KIND.func) unsigned();
      else if (kind === IMPORT_KIND.global) at += 2;
      else if (kind === IMPORT_KIND.table) {
        at++;
        limits();
      } else return undefined;
    }
    return undefined;
  }
  return undefined;
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Replaces a file atomically: readers and concurrent builds never see a partial file. */
function replaceFile(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}.partial`;
  writeFileSync(partial, content);
  renameSync(partial, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildWasm();
