/** Sessions over resident tensors: a run takes handles, copies nothing and is synchronous. */
import { TrimtabError } from "../../shared/errors.ts";
import type { OrtModule } from "./ort-module.ts";
import type { ResidentTensor } from "./resident-tensor.ts";

const OPTIMISATION = { none: 0, basic: 1, extended: 2, all: 99 } as const;
const EXECUTE_SEQUENTIALLY = 0;
const LOG_FATAL_ONLY = 4;

export interface SessionOptions {
  /** Names the session in error messages. */
  readonly name?: string;
  readonly optimisation?: keyof typeof OPTIMISATION;
  /** Let ORT keep an arena for intermediate results rather than allocate each from the heap. */
  readonly memoryArena?: boolean;
  /** Let ORT allocate all intermediate results as one block for shapes it has seen before. */
  readonly memoryPattern?: boolean;
  /** Repack constant weights at creation, which makes a second copy of each. Weights that are inputs are never repacked. */
  readonly prepacking?: boolean;
}

export type NamedTensors = Readonly<Record<string, ResidentTensor>>;

/**
 * Compiles an ONNX model. Does not keep the bytes. Throws `invalid_graph` with ONNX Runtime's reason, or `capacity_exceeded`
 * if the session does not fit in the heap.
 */
export function createSession(ort: OrtModule, onnx: Uint8Array, options: SessionOptions = {}): Session {
  const name = options.name ?? "session";
  const sessionOptions = ort.api._OrtCreateSessionOptions(
    OPTIMISATION[options.optimisation ?? "all"],
    options.memoryArena ?? false,
    options.memoryPattern ?? false,
    EXECUTE_SEQUENTIALLY,
    false,
    0,
    0,
    LOG_FATAL_ONLY,
    0,
    0,
  );
  if (sessionOptions === 0) throw ort.lastError(`could not create session options for "${name}"`);
  try {
    if (!(options.prepacking ?? false)) setConfig(ort, sessionOptions, "session.disable_prepacking", "1");
    const model = ort.allocate(onnx.byteLength);
    try {
      new Uint8Array(ort.buffer, model, onnx.byteLength).set(onnx);
      const rejected = `ONNX Runtime rejected the graph "${name}"`;
      const handle = ort.guard(rejected, () => ort.api._OrtCreateSession(model, onnx.byteLength, sessionOptions));
      if (handle === 0) throw ort.lastError(rejected);
      return new Session(ort, handle, name);
    } finally {
      ort.api._free(model);
    }
  } finally {
    ort.api._OrtReleaseSessionOptions(sessionOptions);
  }
}

export class Session {
  readonly name: string;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly #ort: OrtModule;
  /** Zero-terminated names in the heap, which ORT needs for every run. */
  readonly #inputs: ReadonlyMap<string, number>;
  readonly #outputs: ReadonlyMap<string, number>;
  #handle: number;

  /** Use `createSession`. Takes ownership of `handle`. */
  constructor(ort: OrtModule, handle: number, name: string) {
    this.#ort = ort;
    this.#handle = handle;
    this.name = name;
    const [inputs, outputs] = valueCounts(ort, handle);
    this.#inputs = valueNames(ort, handle, 0, inputs);
    this.#outputs = valueNames(ort, handle, inputs, outputs);
    this.inputNames = [...this.#inputs.keys()];
    this.outputNames = [...this.#outputs.keys()];
  }

  /**
   * Runs the graph on `inputs`, which must name every input, and writes the outputs named in `outputs` in place. An output
   * may share memory with an input only if the operator allows it (the KV cache of GroupQueryAttention).
   * Throws `invalid_graph` for a missing or unknown name or for an unexpected shape or dtype, `capacity_exceeded` if
   * intermediate results do not fit, and `internal_error` if the library crashes, after which nothing created from this
   * `OrtModule` can be used. After an error the contents of the outputs are undefined.
   */
  run(inputs: NamedTensors, outputs: NamedTensors): void {
    const given = Object.keys(inputs);
    const requested = Object.keys(outputs);
    if (this.#handle === 0)
      throw new TrimtabError("internal_error", `the session "${this.name}" was used after disposal`);
    if (given.length < this.#inputs.size) throw this.#missing(inputs);
    const ort = this.#ort;
    const words = 2 * (given.length + requested.length);
    const stack = ort.api.stackSave();
    try {
      const base = ort.api.stackAlloc(words * 4);
      const inputNames = base / 4;
      const inputHandles = inputNames + given.length;
      const outputNames = inputHandles + given.length;
      const outputHandles = outputNames + requested.length;
      const heap = ort.words();
      for (let i = 0; i < given.length; i++) {
        const name = given[i]!;
        heap[inputNames + i] = this.#inputs.get(name) ?? this.#unknown("input", name, this.inputNames);
        heap[inputHandles + i] = inputs[name]!.handle;
      }
      for (let i = 0; i < requested.length; i++) {
        const name = requested[i]!;
        heap[outputNames + i] = this.#outputs.get(name) ?? this.#unknown("output", name, this.outputNames);
        heap[outputHandles + i] = outputs[name]!.handle;
      }
      const failed = `the graph "${this.name}" failed`;
      const status = ort.guard(failed, () =>
        ort.api._OrtRun(
          this.#handle,
          base,
          inputHandles * 4,
          given.length,
          outputNames * 4,
          requested.length,
          outputHandles * 4,
          ort.runOptions,
        ),
      );
      ort.check(status, failed);
    } finally {
      ort.api.stackRestore(stack);
    }
  }

  /** Releases the compiled graph, but no tensors. Further calls do nothing. */
  dispose(): void {
    if (this.#handle === 0) return;
    for (const pointer of [...this.#inputs.values(), ...this.#outputs.values()]) this.#ort.api._OrtFree(pointer);
    this.#ort.api._OrtReleaseSession(this.#handle);
    this.#handle = 0;
  }

  #missing(inputs: NamedTensors): TrimtabError {
    const missing = this.inputNames.filter((name) => !(name in inputs));
    return new TrimtabError("invalid_graph", `the graph "${this.name}" is missing the inputs: ${missing.join(", ")}`, {
      data: { missing },
    });
  }

  #unknown(kind: "input" | "output", name: string, known: readonly string[]): never {
    throw new TrimtabError(
      "invalid_graph",
      `the graph "${this.name}" has no ${kind} "${name}"; it has ${known.join(", ")}`,
      { data: { [kind]: name } },
    );
  }
}

function setConfig(ort: OrtModule, sessionOptions: number, key: string, value: string): void {
  ort.withText(key, (keyPointer) =>
    ort.withText(value, (valuePointer) => {
      const status = ort.api._OrtAddSessionConfigEntry(sessionOptions, keyPointer, valuePointer);
      ort.check(status, `ONNX Runtime rejected the session option ${key}`);
    }),
  );
}

function valueCounts(ort: OrtModule, session: number): readonly [inputs: number, outputs: number] {
  return ort.withStack(2, (out) => {
    ort.check(ort.api._OrtGetInputOutputCount(session, out, out + 4), "could not list the graph's inputs and outputs");
    const words = ort.words();
    return [words[out / 4] ?? 0, words[out / 4 + 1] ?? 0];
  });
}

/** Names of `count` values from `first` on, each with a pointer to its zero-terminated text, which the caller frees. */
function valueNames(ort: OrtModule, session: number, first: number, count: number): Map<string, number> {
  return ort.withStack(2, (out) => {
    const names = new Map<string, number>();
    for (let index = first; index < first + count; index++) {
      const status = ort.api._OrtGetInputOutputMetadata(session, index, out, out + 4);
      ort.check(status, "could not list the graph's inputs and outputs");
      const words = ort.words();
      const pointer = (words[out / 4] ?? 0) >>> 0;
      ort.api._OrtFree((words[out / 4 + 1] ?? 0) >>> 0);
      names.set(ort.api.UTF8ToString(pointer), pointer);
    }
    return names;
  });
}
