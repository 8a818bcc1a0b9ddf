import { TrimtabError } from "../../shared/errors.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { CompileOptions, Executor, Program } from "../engines/executor.ts";

/**
 * An executor that compiles each graph once and keeps the program until the cache is disposed. Programs that it hands out
 * ignore `dispose`, so `train` and evaluators can run on it again and again without compiling anything twice.
 */
export interface ProgramCache extends Executor {
  /** Disposes every program it keeps. Programs it has handed out must not be run again. */
  clear(): Promise<void>;
  /** Clears the cache permanently. Afterwards `compile` throws `internal_error`. */
  dispose(): Promise<void>;
}

interface Entry {
  readonly graph: Graph;
  readonly bindings: ReadonlyMap<string, Tensor>;
  readonly program: Promise<Program>;
  readonly size: number;
}

const NO_BINDINGS: ReadonlyMap<string, Tensor> = new Map();

export interface ProgramCacheOptions {
  /**
   * The most programs that are kept; beyond it the one that was asked for the longest time ago is disposed, so a caller must not run more
   * of them at a time. All are kept by default.
   */
  readonly most?: number;
  /** Beyond `most`, programs are kept as long as all of them together are no larger than `total`. Nothing is kept so by default. */
  readonly room?: { readonly total: number; readonly sizeOf: (program: Pick<Entry, "graph" | "bindings">) => number };
}

/** Programs are looked up by their graph object and the tensor objects bound to it. The caller disposes the cache. */
export function createProgramCache(
  executor: Executor,
  { most = Number.POSITIVE_INFINITY, room = { total: 0, sizeOf: () => 1 } }: ProgramCacheOptions = {},
): ProgramCache {
  let entries: Entry[] = [];
  /** Programs that hold one user's values. */
  let unshared: Promise<Program>[] = [];
  let disposed = false;

  async function compile(graph: Graph, options: CompileOptions = {}): Promise<Program> {
    if (disposed) throw new TrimtabError("internal_error", `cannot compile ${graph.name}: its cache is disposed`);
    const bindings = options.bindings ?? NO_BINDINGS;
    let entry = entries.find((known) => known.graph === graph && sameTensors(known.bindings, bindings));
    entry ??= { graph, bindings, program: executor.compile(graph, options), size: room.sizeOf({ graph, bindings }) };
    // The last is the one that was asked for last.
    entries = [...entries.filter((known) => known !== entry), entry];
    while (entries.length > most && sizeOf(entries) > room.total) {
      await (await entries.shift()!.program.catch(() => undefined))?.dispose();
    }
    try {
      return handedOut(await entry.program, () => {
        const own = executor.compile(graph, options);
        unshared.push(own);
        return own;
      });
    } catch (error) {
      entries = entries.filter((known) => known !== entry);
      throw error;
    }
  }

  async function clear(): Promise<void> {
    const programs = await Promise.allSettled([...entries.map(({ program }) => program), ...unshared]);
    entries = [];
    unshared = [];
    await Promise.all(programs.map((made) => (made.status === "fulfilled" ? made.value.dispose() : undefined)));
  }

  async function dispose(): Promise<void> {
    disposed = true;
    await clear();
  }

  return { ...executor, compile, clear, dispose };
}

/** Values that one user holds must not affect another's runs, so the first `hold` switches to a separate program. */
function handedOut(shared: Program, compileOwn: () => Promise<Program>): Program {
  let own: Promise<Program> | undefined;
  return {
    run: async (feeds, appends) => (await (own ?? shared)).run(feeds, appends),
    hold: async (values) => {
      own ??= compileOwn();
      await (await own).hold(values);
    },
    dispose: async () => undefined,
  };
}

const sizeOf = (entries: readonly Entry[]) => entries.reduce((sum, { size }) => sum + size, 0);

function sameTensors(one: ReadonlyMap<string, Tensor>, other: ReadonlyMap<string, Tensor>): boolean {
  if (one === other) return true;
  return one.size === other.size && [...one].every(([name, tensor]) => other.get(name) === tensor);
}
