/**
 * ONNX Runtime's WASM file as a C library: one instance, one heap, one thread.
 *
 * The public JavaScript API copies every input into the heap and every output out of it. This module exposes the C API
 * itself, so that tensors stay in the heap (`resident-tensor.ts`) and a run only passes their handles
 * (`session.ts`). The WASM file and its glue are derived from the onnxruntime-web package by `infra/start/build-wasm.ts`.
 */
import { TrimtabError } from "../../shared/errors.ts";
import ortWasm from "./generated/ort.wasm";
import createOrt from "./generated/ort-glue.mjs";

const WASM_PAGE_BYTES = 65_536;
/** The minimum memory that the WASM file declares. */
const INITIAL_PAGES = 256;
const MAXIMUM_PAGES = 65_536;
const LOG_FATAL_ONLY = 4;
const POINTER_BYTES = 4;
/**
 * Environment variables for the library. Its blocked ("flash") attention tunes itself to CPU cache sizes, which WASM cannot
 * query. Without it, 64 prompt tokens after 448 take 29 ms rather than 161, and decoding is as fast (6 layers of width 256).
 */
const ENVIRONMENT = { ORT_GQA_DISABLE_FLASH_ATTENTION: "1" };

/** Default heap limit. An isolate has 128 MB for this heap, the compiled code and all JavaScript objects. */
export const DEFAULT_HEAP_LIMIT_BYTES = 96 * 1024 * 1024;

/** The C functions that this layer calls. Pointers and handles are heap offsets; status 0 means success. */
export interface OrtApi {
  _OrtInit(threads: number, logLevel: number): number;
  _OrtGetLastError(codeOut: number, messageOut: number): number;
  _OrtCreateSessionOptions(
    graphOptimisation: number,
    memoryArena: boolean,
    memoryPattern: boolean,
    executionMode: number,
    profiling: boolean,
    profilePrefix: number,
    logId: number,
    logSeverity: number,
    logVerbosity: number,
    optimisedModelPath: number,
  ): number;
  _OrtAddSessionConfigEntry(options: number, key: number, value: number): number;
  _OrtAddFreeDimensionOverride(options: number, name: number, size: number): number;
  _OrtReleaseSessionOptions(options: number): number;
  _OrtCreateSession(model: number, byteLength: number, options: number): number;
  _OrtReleaseSession(session: number): number;
  _OrtGetInputOutputCount(session: number, inputsOut: number, outputsOut: number): number;
  _OrtGetInputOutputMetadata(session: number, index: number, nameOut: number, metadataOut: number): number;
  _OrtFree(pointer: number): number;
  _OrtCreateTensor(
    dtype: number,
    data: number,
    byteLength: number,
    dims: number,
    rank: number,
    location: number,
  ): number;
  _OrtReleaseTensor(tensor: number): number;
  _OrtCreateRunOptions(logSeverity: number, logVerbosity: number, terminate: boolean, tag: number): number;
  _OrtRun(
    session: number,
    inputNames: number,
    inputs: number,
    inputCount: number,
    outputNames: number,
    outputCount: number,
    outputs: number,
    options: number,
  ): number;
  _malloc(byteLength: number): number;
  _free(pointer: number): void;
  stackSave(): number;
  stackRestore(stack: number): void;
  stackAlloc(byteLength: number): number;
  UTF8ToString(pointer: number): string;
  lengthBytesUTF8(text: string): number;
  stringToUTF8(text: string, pointer: number, capacity: number): void;
}

export interface OrtModuleOptions {
  /** The heap never grows beyond this, rounded down to whole pages of 64 KiB. */
  readonly heapLimitBytes?: number;
  /** Another build of the same WASM file, and whether it imports shared memory. */
  readonly build?: { readonly wasm: WebAssembly.Module; readonly shared: boolean };
}

/** Instantiates ONNX Runtime. Throws `internal_error` if that fails. */
export async function loadOrtModule(options: OrtModuleOptions = {}): Promise<OrtModule> {
  const { wasm, shared } = options.build ?? { wasm: ortWasm, shared: false };
  const limit = Math.floor((options.heapLimitBytes ?? DEFAULT_HEAP_LIMIT_BYTES) / WASM_PAGE_BYTES);
  const maximum = Math.min(MAXIMUM_PAGES, Math.max(INITIAL_PAGES, limit));
  const wasmMemory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared });
  const api = await new Promise<OrtApi>((resolve, reject) => {
    createOrt({
      numThreads: 1,
      wasmMemory,
      environment: ENVIRONMENT,
      // workerd forbids compiling WASM at run time: the module was compiled on upload and is only instantiated here.
      instantiateWasm: (imports: WebAssembly.Imports, received: (instance: WebAssembly.Instance) => void) => {
        WebAssembly.instantiate(wasm, imports).then(received, reject);
      },
    }).then((module) => resolve(module as OrtApi), reject);
  }).catch((cause: unknown) => {
    throw new TrimtabError("internal_error", "ONNX Runtime's WASM file could not be instantiated", { cause });
  });
  return new OrtModule(api, wasmMemory, maximum * WASM_PAGE_BYTES);
}

export class OrtModule {
  readonly api: OrtApi;
  readonly heapLimitBytes: number;
  /** Handle of the run options shared by all runs. */
  readonly runOptions: number;
  readonly #memory: WebAssembly.Memory;
  #words: Int32Array;
  #residentBytes = 0;

  constructor(api: OrtApi, memory: WebAssembly.Memory, heapLimitBytes: number) {
    this.api = api;
    this.heapLimitBytes = heapLimitBytes;
    this.#memory = memory;
    this.#words = new Int32Array(memory.buffer);
    this.check(api._OrtInit(1, LOG_FATAL_ONLY), "ONNX Runtime did not initialise");
    this.runOptions = api._OrtCreateRunOptions(LOG_FATAL_ONLY, 0, false, 0);
  }

  /** Bytes of linear memory, used or free. The heap grows and never shrinks, so this is also the high-water mark. */
  heapBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Bytes held by resident tensors. */
  get residentBytes(): number {
    return this.#residentBytes;
  }

  /** The heap's current buffer. Growth replaces it: recreate views after any call that may have allocated. */
  get buffer(): ArrayBuffer {
    return this.#memory.buffer;
  }

  /** The heap as 32-bit words (index = pointer / 4), valid until the next allocation. */
  words(): Int32Array {
    if (this.#words.buffer !== this.#memory.buffer) this.#words = new Int32Array(this.#memory.buffer);
    return this.#words;
  }

  /**
   * Allocates `byteLength` bytes for a resident tensor. Throws `capacity_exceeded`, with nothing allocated, if the heap
   * would have to grow past its limit.
   */
  allocateResident(byteLength: number): number {
    const pointer = this.allocate(byteLength);
    this.#residentBytes += byteLength;
    return pointer;
  }

  freeResident(pointer: number, byteLength: number): void {
    this.api._free(pointer);
    this.#residentBytes -= byteLength;
  }

  /** Allocates transient memory, which the caller frees with `api._free`. Throws `capacity_exceeded` as above. */
  allocate(byteLength: number): number {
    const pointer = byteLength > this.heapLimitBytes ? 0 : this.api._malloc(Math.max(byteLength, 1));
    if (pointer === 0) throw this.#outOfMemory(`could not allocate ${byteLength} bytes`, byteLength);
    return pointer;
  }

  /** Calls `body` with a pointer to the zero-terminated text, then frees it. */
  withText<T>(text: string, body: (pointer: number) => T): T {
    const capacity = this.api.lengthBytesUTF8(text) + 1;
    const pointer = this.allocate(capacity);
    try {
      this.api.stringToUTF8(text, pointer, capacity);
      return body(pointer);
    } finally {
      this.api._free(pointer);
    }
  }

  /** Calls `body` with a pointer to `count` words on the C stack. */
  withStack<T>(count: number, body: (pointer: number) => T): T {
    const stack = this.api.stackSave();
    try {
      return body(this.api.stackAlloc(count * POINTER_BYTES));
    } finally {
      this.api.stackRestore(stack);
    }
  }

  /** Calls into the library. A trap becomes `internal_error`: the heap's state is then unknown. */
  guard<T>(what: string, call: () => T): T {
    try {
      return call();
    } catch (cause) {
      if (cause instanceof TrimtabError) throw cause;
      throw new TrimtabError("internal_error", `${what}: ONNX Runtime crashed and must be reloaded`, { cause });
    }
  }

  /** Throws the library's last error if `status` is not 0. */
  check(status: number, what: string): void {
    if (status !== 0) throw this.lastError(what);
  }

  /**
   * The library's last error, prefixed with `what`: `capacity_exceeded` if the heap is exhausted, otherwise `invalid_graph`
   * with ONNX Runtime's status code and message.
   */
  lastError(what: string): TrimtabError {
    const [ortCode, reason] = this.withStack(2, (out) => {
      this.api._OrtGetLastError(out, out + POINTER_BYTES);
      const words = this.words();
      const message = words[out / 4 + 1] ?? 0;
      return [words[out / 4] ?? 0, message === 0 ? "unknown error" : this.api.UTF8ToString(message >>> 0)] as const;
    });
    if (/bad[_ ]alloc|failed to allocate/i.test(reason)) return this.#outOfMemory(`${what}: ${reason}`);
    return new TrimtabError("invalid_graph", `${what}: ${reason}`, { data: { ortCode } });
  }

  #outOfMemory(what: string, byteLength?: number): TrimtabError {
    const { heapLimitBytes, residentBytes } = this;
    return new TrimtabError(
      "capacity_exceeded",
      `${what}: the WASM heap is limited to ${heapLimitBytes} bytes, and tensors use ${residentBytes} of them; ` +
        "use a smaller model, fewer rows or a shorter context, or raise the limit",
      { data: { heapLimitBytes, residentBytes, heapBytes: this.heapBytes(), ...(byteLength && { byteLength }) } },
    );
  }
}
